"""Downloads and their checksums: septum.datasets.download."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile

import pytest

from septum.datasets.download import DATASETS, Download, fetch, print_datasets
from septum.errors import SeptumError


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a folder and the address that serves it."""
    monkeypatch.setenv("NO_PROXY", "*")
    folder = tmp_path / "site"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def zipped(path, content: str) -> str:
    """Write an archive with one file and return its SHA-256."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("cells/a.txt", content)
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


def table(url: str, checksum: str | None) -> dict[str, Download]:
    return {"cells": Download(url, checksum, "CC0", "some cells", "{case}.txt", "{case}.txt")}


def test_a_zip_with_a_known_checksum(site, tmp_path, capsys):
    folder, url = site
    checksum = zipped(folder / "cells.zip", "first")
    place = fetch("cells", tmp_path / "out", datasets=table(f"{url}/cells.zip", checksum))
    assert place == tmp_path / "out" / "cells"
    assert (place / "cells/a.txt").read_text() == "first"
    out = capsys.readouterr().out
    assert f"images: {place}/{{case}}.txt" in out
    assert "CC0" in out
    # nothing else: no record of a checksum that was known before
    assert [p.name for p in (tmp_path / "out/archives").iterdir()] == ["cells.zip"]


def test_a_tar_with_an_md5(site, tmp_path):
    folder, url = site
    with tarfile.open(folder / "t.tar", "w") as file:
        entry = tarfile.TarInfo("sub/b.txt")
        entry.size = 3
        file.addfile(entry, io.BytesIO(b"abc"))
    checksum = "md5:" + hashlib.md5((folder / "t.tar").read_bytes()).hexdigest()
    place = fetch("cells", tmp_path, datasets=table(f"{url}/t.tar", checksum))
    assert (place / "sub/b.txt").read_bytes() == b"abc"


def test_a_wrong_checksum_leaves_nothing(site, tmp_path):
    folder, url = site
    zipped(folder / "cells.zip", "tampered with")
    datasets = table(f"{url}/cells.zip", "sha256:" + "0" * 64)
    with pytest.raises(SeptumError, match=r"cells.zip: is not what it should be"):
        fetch("cells", tmp_path / "out", datasets=datasets)
    assert not [p for p in (tmp_path / "out").rglob("*") if p.is_file()]


def test_an_unknown_checksum_is_kept_and_must_be_met_later(site, tmp_path, caplog):
    folder, url = site
    checksum = zipped(folder / "cells.zip", "first")
    datasets, out = table(f"{url}/cells.zip", None), tmp_path / "out"
    fetch("cells", out, datasets=datasets)
    assert checksum in caplog.text
    assert (out / "archives/cells.zip.sha256").read_text() == f"{checksum[7:]}  cells.zip\n"
    fetch("cells", out, datasets=datasets)
    # the archive is lost, and the site now has another one
    (out / "archives/cells.zip").unlink()
    zipped(folder / "cells.zip", "second")
    with pytest.raises(SeptumError, match=r"is not what it should be"):
        fetch("cells", out, datasets=datasets)
    assert (out / "cells/cells/a.txt").read_text() == "first"


def test_an_archive_is_not_downloaded_twice(site, tmp_path):
    folder, url = site
    checksum = zipped(folder / "cells.zip", "first")
    datasets = table(f"{url}/cells.zip", checksum)
    fetch("cells", tmp_path, datasets=datasets)
    (folder / "cells.zip").unlink()
    place = fetch("cells", tmp_path, datasets=datasets)
    assert (place / "cells/a.txt").read_text() == "first"


def test_what_is_not_there(site, tmp_path):
    _, url = site
    with pytest.raises(SeptumError, match=r"cannot be downloaded.*404") as error:
        fetch("cells", tmp_path, datasets=table(f"{url}/none.zip", None))
    assert "by hand" in error.value.problems[0].remedy


def test_what_is_no_archive(site, tmp_path):
    folder, url = site
    (folder / "cells.zip").write_bytes(b"<html>moved</html>")
    with pytest.raises(SeptumError, match=r"cells.zip: cannot be unpacked"):
        fetch("cells", tmp_path / "out", datasets=table(f"{url}/cells.zip", None))
    assert not (tmp_path / "out/cells").exists()
    # its checksum is not taken for the right one
    (tmp_path / "out/archives/cells.zip").unlink()
    zipped(folder / "cells.zip", "first")
    fetch("cells", tmp_path / "out", datasets=table(f"{url}/cells.zip", None))


def test_a_tar_that_reaches_out_of_its_folder(site, tmp_path):
    folder, url = site
    with tarfile.open(folder / "t.tar", "w") as file:
        entry = tarfile.TarInfo("../../escaped.txt")
        entry.size = 3
        file.addfile(entry, io.BytesIO(b"abc"))
    with pytest.raises(SeptumError, match=r"cannot be unpacked"):
        fetch("cells", tmp_path / "out", datasets=table(f"{url}/t.tar", None))
    assert not list(tmp_path.rglob("escaped.txt"))


def test_an_unknown_name(tmp_path):
    with pytest.raises(SeptumError, match=r"did you mean 'dsb2018'") as error:
        fetch("dsb2108", tmp_path)
    assert "hippocampus" in error.value.problems[0].remedy


def test_the_table(capsys):
    print_datasets()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(DATASETS)
    for download in DATASETS.values():
        assert download.url.startswith("https://")
        assert "{case}" in download.images
        assert "{case}" in download.labels
        if download.checksum is not None:
            kind, _, digest = download.checksum.partition(":")
            assert len(digest) == {"md5": 32, "sha256": 64}[kind]
            int(digest, 16)
