from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys

import pytest

from septum.errors import SeptumError
from septum.io.lock import exclusive

HOLDER = """
import os, sys, time
from pathlib import Path
from septum.io.lock import exclusive
with exclusive(Path(sys.argv[1]), "a training"):
    if "fork" in sys.argv and os.fork() == 0:
        print(os.getpid(), flush=True)
        time.sleep(600)
    if "fork" not in sys.argv:
        print(os.getpid(), flush=True)
    time.sleep(600)
"""


def hold(folder, *arguments):
    """Start a process that holds a folder; return it and the pid that it prints once it does."""
    command = [sys.executable, "-c", HOLDER, str(folder), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    return process, int(process.stdout.readline())


def refusal(folder):
    with pytest.raises(SeptumError) as error, exclusive(folder, "another"):
        pytest.fail("two processes have the lock")
    (problem,) = error.value.problems
    return problem


def test_a_second_process_is_told_who_writes_until_the_first_is_gone(tmp_path):
    folder = tmp_path / "fold0"
    process, pid = hold(folder)
    try:
        for _ in range(2):  # a refusal takes nothing from the holder
            problem = refusal(folder)
            assert problem.where == str(folder)
            host = socket.gethostname()
            assert problem.what == f"a training (pid {pid} on host {host}) is still writing here"
            assert problem.remedy == "wait for it or stop it, then run again"
    finally:
        process.kill()
        process.wait()
    with exclusive(folder, "another"):
        assert f"pid {os.getpid()} " in (folder / ".lock").read_text()


def test_what_a_killed_process_has_forked_does_not_keep_the_lock(tmp_path):
    process, child = hold(tmp_path, "fork")
    try:
        refusal(tmp_path)
        process.kill()
        process.wait()
        os.kill(child, 0)  # lives on
        with exclusive(tmp_path, "another"):
            pass
    finally:
        os.kill(child, 9)


def test_a_folder_is_free_again_after_the_block(tmp_path):
    with pytest.raises(KeyboardInterrupt), exclusive(tmp_path, "a training"):
        raise KeyboardInterrupt
    process, _ = hold(tmp_path)
    process.kill()
    process.wait()


def without_locks(code):
    def lockf(*_):
        raise OSError(code, os.strerror(code))

    return lockf


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_only_a_warning(tmp_path, monkeypatch, caplog, code):
    monkeypatch.setattr(fcntl, "lockf", without_locks(code))
    with exclusive(tmp_path, "a training"):
        pass
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert f"{tmp_path}: this file system has no locks" in record.getMessage()


def test_other_errors_of_the_lock_are_not_taken_for_that(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "lockf", without_locks(errno.EIO))
    with pytest.raises(OSError, match="put/output"), exclusive(tmp_path, "a training"):
        pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "fold0"
    with pytest.raises(SeptumError, match="fold0: cannot be written"), exclusive(folder, "x"):
        pass
