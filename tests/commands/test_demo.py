"""`septum demo`."""

from __future__ import annotations

from septum import cli


def test_a_dataset_is_drawn(tmp_path):
    assert cli.main(["demo", "volumes", "--seed", "1", "--out", str(tmp_path)]) == 0
    images, labels = (
        {p.name for p in (tmp_path / kind).iterdir()} for kind in ("images", "labels")
    )
    assert labels <= images
    assert all(name.endswith(".nii.gz") for name in images)


def test_a_dataset_that_there_is_not(tmp_path, capsys):
    assert cli.main(["demo", "nucleus", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert "demo: there is no 'nucleus'\n    -> choose one of: nuclei, tissue, volumes" in said
