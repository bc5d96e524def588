"""What `septum leaderboard` prints: the leaderboards of the configuration's datasets."""

from __future__ import annotations

from pathlib import Path

import pytest

from septum import cli
from septum.config.config import Config
from septum.config.load import validate
from septum.errors import SeptumError
from septum.stages.leaderboard.scores import read_rows
from septum.stages.leaderboard.text import print_leaderboards, table_lines

HEADER = (
    "dataset,experiment,subset,cases,ranked_by,behind_best,behind_best_low,behind_best_high,"
    "behind_best_cases,dice,dice_low,dice_high\n"
)


def ranked(results: Path, dataset: str, folder: str | None = None, subset: str = "test") -> Path:
    """Write the leaderboard of two networks, p before q."""
    file = results / (folder or dataset) / "leaderboard.csv"
    file.parent.mkdir(parents=True)
    p = f"{dataset},p,{subset},8,dice,,,,0,0.6,0.45,0.75\n"
    q = f"{dataset},q,{subset},8,dice,0.3,-0.1,0.4,8,0.3,0.2,0.4\n"
    file.write_text(HEADER + p + q, encoding="utf-8")
    return file


def settings(*datasets: str, **others) -> Config:
    return validate(
        {
            "datasets": {name: {"demo": "nuclei"} for name in datasets},
            "experiments": {name: {"network": "unet"} for name in "pq"},
            **others,
        }
    )


def test_lines_of_a_leaderboard(tmp_path):
    rows = read_rows(ranked(tmp_path, "Zellen <b>", "zellen", subset="val"))
    assert table_lines(rows) == [
        "Zellen <b>: 8 validation cases, mean and 95 % interval",
        "     Dice                  behind the best",
        "  p  0.600 [0.450, 0.750]",
        "  q  0.300 [0.200, 0.400]  0.300 [-0.100, 0.400]  not told apart",
    ]


def test_baselines_are_marked_and_networks_compared_with_the_best(tmp_path):
    file = tmp_path / "leaderboard.csv"
    over = [f"over_baseline{end}" for end in ("", "_low", "_high", "_cases")]
    head = ["dataset", "experiment", "kind", "subset", "cases", "ranked_by", "dice", *over]
    rows = [
        "d,good,network,test,8,dice,0.9,0.2,0.1,0.3,8",
        "d,otsu,classical,test,8,dice,0.7,,,,",
        "d,bad,network,test,8,dice,0.6,-0.1,-0.2,0.1,8",
        "d,weak,classical,test,8,dice,0.5,,,,",
    ]
    file.write_text("\n".join([",".join(head), *rows]))
    assert table_lines(read_rows(file))[1:] == [
        "                    Dice   behind the best  against otsu",
        "  good              0.900                   better",
        "  otsu (classical)  0.700",
        "  bad               0.600                   no better",
        "  weak (classical)  0.500",
    ]


def panoptic_lines(tmp_path, things, stuff, coco):
    file = tmp_path / "leaderboard.csv"
    head = "dataset,experiment,kind,subset,cases,ranked_by,pq_pooled,pq_things_pooled,"
    rows = [
        f"d,net,network,test,8,pq_pooled,0.5,{things},{stuff},{coco}",
        "d,otsu,classical,test,8,pq_pooled,0.25,0.25,,0.125",
    ]
    file.write_text("\n".join([head + "pq_stuff_pooled,coco_ap", *rows]))
    return table_lines(read_rows(file))[1:]


def test_things_and_stuff_are_shown_where_there_are_both(tmp_path):
    assert panoptic_lines(tmp_path, 0.375, 0.625, "") == [
        "                    PQ pooled  PQ things  PQ stuff  behind the best",
        "  net               0.500      0.375      0.625",
        "  otsu (classical)  0.250      0.250      –",
    ]
    assert panoptic_lines(tmp_path, 0.5, "", "")[0] == (
        "                    PQ pooled  behind the best"
    )


def test_average_precision_is_shown_of_objects_with_scores(tmp_path):
    """A classical baseline gives its objects no scores: its AP is that of the order of cases."""
    assert panoptic_lines(tmp_path, 0.5, "", 0.75) == [
        "                    PQ pooled  COCO AP  behind the best",
        "  net               0.500      0.750",
        "  otsu (classical)  0.250      –",
    ]


def test_costs_are_a_table_below_the_scores(tmp_path):
    file = ranked(tmp_path, "cells")
    header, p, q = file.read_text(encoding="utf-8").splitlines()
    columns = "parameters,training_s,mpx_per_s,peak_memory_mb,device"
    costs = '1942337,720,3.44,1228.8,"Processor, 4 threads"'
    text = f"{header},{columns}\n{p},{costs}\n{q},,,0.05,,\n"
    file.write_text(text, encoding="utf-8")
    assert table_lines(read_rows(file))[4:] == [
        "  costs  parameters  training  memory  inference   trained on",
        "  p      1.9 M       12 min    1.2 GB  3.4 Mpx/s   Processor, 4 threads",
        "  q      –           –         –       0.05 Mpx/s  –",
    ]


def test_shows_the_datasets_of_the_configuration_only(tmp_path, capsys):
    for dataset in ("first", "second", "earlier"):
        ranked(tmp_path, dataset)
    (tmp_path / "report.html").write_text("")
    print_leaderboards(settings("second", "first"), tmp_path)
    printed = capsys.readouterr().out
    titles = [line.split(":")[0] for line in printed.splitlines() if "mean and" in line]
    assert titles == ["second", "first"]
    assert f"Report: {tmp_path / 'report.html'}" in printed


def test_a_dataset_lies_in_a_folder_of_a_safe_name(tmp_path, capsys):
    ranked(tmp_path, "Zellen <b>", "Zellen_b-164c0075")
    print_leaderboards(settings("Zellen <b>"), tmp_path)
    assert "Zellen <b>: 8 test cases" in capsys.readouterr().out


def test_experiments_have_the_names_of_the_configuration(tmp_path, capsys):
    file = ranked(tmp_path, "first")
    file.write_text(file.read_text(encoding="utf-8").replace(",p,", ",Zellen_b-164c0075,"))
    networks = {name: {"network": "unet"} for name in ("Zellen <b>", "q")}
    print_leaderboards(settings("first", experiments=networks), tmp_path)
    printed = capsys.readouterr().out.splitlines()
    assert [line[2:12] for line in printed[2:4]] == ["Zellen <b>", "q         "]


def test_every_missing_leaderboard_is_named(tmp_path, capsys):
    ranked(tmp_path, "there")
    with pytest.raises(SeptumError) as caught:
        print_leaderboards(settings("one", "there", "two"), tmp_path)
    assert [problem.where for problem in caught.value.problems] == [
        str(tmp_path / "one/leaderboard.csv"),
        str(tmp_path / "two/leaderboard.csv"),
    ]
    assert "there: 8 test cases" in capsys.readouterr().out


def test_a_configuration_that_scores_nothing_is_an_error(tmp_path):
    with pytest.raises(SeptumError, match="nothing is scored"):
        print_leaderboards(settings("first", experiments={}), tmp_path)


def test_the_command_takes_configuration_files_and_a_folder(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("config.yaml").write_text(
        "results: out\ndatasets: {first: {demo: nuclei}}\nexperiments: {p: {network: unet}}\n"
    )
    Path("more.yaml").write_text("datasets: {first: null, second: {demo: nuclei}}\n")
    ranked(tmp_path / "out", "first")
    ranked(tmp_path / "out", "second")
    ranked(tmp_path / "elsewhere", "first", subset="val")
    for arguments, title in (
        ([], "first: 8 test cases"),
        (["config.yaml", "more.yaml"], "second: 8 test cases"),
        (["--results", "elsewhere"], "first: 8 validation cases"),
    ):
        assert cli.main(["leaderboard", *arguments]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(title)
        assert printed.count("mean and") == 1
