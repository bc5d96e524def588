"""A lock that lets one process at a time write into a folder."""

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

LOCK_FILE = ".lock"
# Errors of file systems without locks (some network disks).
ERRNOS_WITHOUT_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP}


@contextlib.contextmanager
def exclusive(folder: Path, what: str) -> Iterator[None]:
    """Lock a folder against other processes that ask for its lock.

    The kernel releases the lock when the process ends, however it ends. The file ``.lock``
    stays, which has no meaning by itself. If the file system has no locks, the block runs
    without one, and a warning is logged.

    Parameters
    ----------
    folder : Path
        Folder to lock; created if it does not exist.
    what : str
        Activity of this process (``a training``), for the message to other processes.

    Raises
    ------
    SeptumError
        If another process holds the lock, naming its pid and host, or if the folder cannot be
        written.
    """
    path = folder / LOCK_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        remedy = "check the path, its permissions and the space left on that disk"
        raise problem(folder, f"cannot be written ({error.strerror})", remedy) from error
    with file:
        try:
            # POSIX locks and not BSD's flock, since they are not inherited by forks: loader
            # processes outlive a killed training by some seconds
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            holder = file.read().strip() or "a process that has just begun"
            remedy = "wait for it or stop it, then run again"
            raise problem(folder, f"{holder} is still writing here", remedy) from None
        except OSError as error:
            if error.errno not in ERRNOS_WITHOUT_LOCKS:
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
