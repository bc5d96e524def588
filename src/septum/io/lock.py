"""One process at a time writes in a folder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from septum.errors import problem

log = logging.getLogger(__name__)

LOCK = ".lock"
# What a file system without locks answers (some network disks).
WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextlib.contextmanager
def exclusive(folder: Path, what: str) -> Iterator[None]:
    """Keep every other process that asks for the same out of a folder.

    The kernel drops the lock when the process ends, however it ends; the file ``.lock`` stays,
    and means nothing by itself. Where the file system has no locks, the block runs without
    one, and the log says so.

    Parameters
    ----------
    folder : Path
        Made where it does not exist.
    what : str
        What this process does there (``a training``), for the message to the others.

    Raises
    ------
    SeptumError
        If another process has the lock, by its pid and host; or the folder cannot be written.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        remedy = "check the path, its permissions and the space left on that disk"
        raise problem(folder, f"cannot be written ({error.strerror})", remedy) from error
    with file:
        try:
            # POSIX locks, not BSD's flock: loader processes, which are forks and outlive a
            # killed training by some seconds, do not inherit them
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            holder = file.read().strip() or "a process that has just begun"
            remedy = "wait for it or stop it, then run again"
            raise problem(folder, f"{holder} is still writing here", remedy) from None
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                raise
            log.warning(
                "%s: this file system has no locks (%s): nothing keeps a second process from "
                "writing here, so see that there is none",
                folder,
                error.strerror,
            )
        file.truncate(0)
        file.write(f"{what} (pid {os.getpid()} on host {socket.gethostname()})\n")
        file.flush()
        yield
