"""Every module has a test file of its name, in the folder of its name."""

from __future__ import annotations

from import_arrows import PACKAGE, ROOT

# Modules without a test file of their own, and why.
EXCEPTIONS = {
    # arguments of `septum check`, which the tests of tests/commands/check type
    "commands/check/command.py",
    # arguments of the rules' commands, and calls of stages: tests/stages/test_commands.py
    "stages/augment/command.py",
    "stages/evaluate/command.py",
    "stages/export/command.py",
    "stages/leaderboard/command.py",
    "stages/merge/command.py",
    "stages/merge/tune_command.py",
    "stages/plan/command.py",
    "stages/predict/classical_command.py",
    "stages/predict/command.py",
    "stages/prepare/command.py",
    "stages/report/command.py",
    "stages/train/command.py",
    "stages/tune/command.py",
    "stages/tune/fit_command.py",
    "stages/weights/command.py",
    # a record without logic
    "networks/detection/detected_objects.py",
    # one line, `python -m septum`: tests/test_cli.py
    "__main__.py",
}


def test_every_module_has_a_test_file_of_its_name():
    modules = {
        path.relative_to(PACKAGE)
        for path in PACKAGE.rglob("*.py")
        if path.name != "__init__.py" and path.relative_to(PACKAGE).as_posix() not in EXCEPTIONS
    }
    expected = {module.with_name(f"test_{module.name}") for module in modules}
    assert len(expected) > 150
    missing = [path.as_posix() for path in expected if not (ROOT / "tests" / path).is_file()]
    assert not missing, f"write {sorted(missing)} in tests/"


def test_no_exception_is_out_of_date():
    for name in EXCEPTIONS:
        assert (PACKAGE / name).is_file(), f"there is no {name}"
        folder, _, file = name.rpartition("/")
        assert not (ROOT / "tests" / folder / f"test_{file}").exists(), f"{name} is tested"
