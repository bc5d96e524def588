"""`septum leaderboard`: the table of the configuration's results, in the terminal."""

from __future__ import annotations

import pytest

from septum import cli

CONFIG = """
results: {results}
datasets: {{cells: {{demo: nuclei}}}}
experiments: {{p: {{network: unet}}}}
"""
TABLE = "dataset,experiment,subset,cases,ranked_by,dice,dice_low,dice_high\n"
TABLE += "cells,p,test,8,dice,0.6,0.45,0.75\n"


@pytest.mark.parametrize("named", ["by the configuration", "by the option"])
def test_it_prints_the_results_of_the_configuration(tmp_path, capsys, named):
    results = tmp_path / "out"
    (results / "cells").mkdir(parents=True)
    (results / "cells/leaderboard.csv").write_text(TABLE)
    by_option = named == "by the option"
    config = tmp_path / "my.yaml"
    config.write_text(CONFIG.format(results=tmp_path / "others" if by_option else results))
    options = ["--results", str(results)] if by_option else []
    assert cli.main(["leaderboard", str(config), *options]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "cells: 8 test cases, mean and 95 % interval",
        "     Dice                  behind the best",
        "  p  0.600 [0.450, 0.750]",
        "",
    ]


def test_a_dataset_without_results_is_named(tmp_path, capsys):
    config = tmp_path / "my.yaml"
    config.write_text(CONFIG.format(results=tmp_path / "out"))
    assert cli.main(["leaderboard", str(config)]) == 1
    assert "cells has no leaderboard yet" in capsys.readouterr().err
