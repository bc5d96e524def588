"""Nothing half-written: a file or folder appears under its final name only when it is whole.

Written beside, flushed to disk, then renamed. What a killed run leaves behind has a hidden name
of its own (``.part-…``), which no reader takes for a result and the next writer of the same
file clears away.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from septum.errors import SeptumError, problem

PREFIX = ".part-"
_FLUSHERS = 16
_COUNT = itertools.count()
_WRITE_ERRORS = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EISDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


@contextlib.contextmanager
def atomic_path(final: str | Path) -> Iterator[Path]:
    """Yield a path to write to; what lies there is renamed to ``final`` at the end.

    Parameters
    ----------
    final : str or Path
        File or folder; parents are made. An older one is replaced, on success only.

    Yields
    ------
    Path
        In the same folder and with the same suffixes, not existing yet. Make a file or a
        folder of it.

    Raises
    ------
    SeptumError
        If the place cannot be written. Whatever is raised inside the block passes through, and
        leaves nothing behind.
    """
    final = Path(final)
    temporary = _temporary(final)
    try:
        with _writing(final, final.parent):
            final.parent.mkdir(parents=True, exist_ok=True)
            _clear_leftovers(final)
        with _writing(final, temporary):
            yield temporary
        with _writing(final, final.parent):
            _flush(temporary)
            _rename(temporary, final)
    finally:
        _remove(temporary)


def require_writable(folder: str | Path) -> None:
    """Find out, before a long computation, whether files can be written into a folder.

    It need not be there yet; nothing is left behind.

    Raises
    ------
    SeptumError
        If the folder cannot be made or written.
    """
    folder = Path(folder)
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    with _writing(folder, existing):
        with tempfile.TemporaryFile(dir=existing):
            pass
        with contextlib.suppress(FileNotFoundError):
            os.stat(folder)  # finds a name that is too long


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | Path, obj: Any) -> None:
    """Write JSON, whole or not at all; NumPy scalars and arrays become numbers and lists.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has none, write ``None``.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False, default=plain)
    write_text(path, text + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    SeptumError
        If it is missing, cannot be read, or is no JSON.
    """
    remedy = "run the stage that writes it again"
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise problem(path, "does not exist", remedy) from None
    except OSError as error:
        raise problem(path, f"cannot be read ({error.strerror})", "check the path") from None
    except ValueError as error:
        raise problem(path, f"is not valid JSON ({error})", remedy) from None


def plain(value: Any) -> Any:
    """Return a NumPy value as plain Python, for `json`."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


@contextlib.contextmanager
def _writing(final: Path, touched: Path) -> Iterator[None]:
    """Turn errors of writing ``final`` into a `SeptumError`; other errors pass through."""
    try:
        yield
    except SeptumError:
        raise
    except OSError as error:
        # Inside the block a file may be *read* in vain; that is not what is meant here.
        about = str(error.filename) if error.filename is not None else str(touched)
        ours = about.startswith(str(touched)) or str(touched).startswith(about)
        # Of a folder at work, it is the folder that a user knows by name.
        if error.errno not in _WRITE_ERRORS or not ours or _is_nested(final):
            raise
        reason = _file_in_the_way(final) or os.strerror(error.errno)
        remedy = "check the path, its permissions and the space left on that disk"
        raise problem(final, f"cannot be written ({reason})", remedy) from error


def _file_in_the_way(final: Path) -> str:
    """Name the file that stands where a folder above ``final`` should be, if any."""
    files = (path for path in final.parents if os.path.isfile(path))
    return next((f"{file} is a file, not a folder" for file in files), "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _own_prefix(final: Path) -> str:
    return f"{PREFIX}{_digest(final.name)}-{_digest(socket.gethostname())}-"


def _temporary(final: Path) -> Path:
    suffixes = "".join(final.suffixes[-2:])[-60:]
    return final.parent / f"{_own_prefix(final)}{os.getpid()}-{next(_COUNT)}{suffixes}"


def _clear_leftovers(final: Path) -> None:
    """Remove what killed writers of the same file left, if they ran on this machine."""
    prefix = _own_prefix(final)
    for name in os.listdir(final.parent):
        if name.startswith(prefix):
            pid = int(name[len(prefix) :].split("-", 1)[0])
            if not _is_alive(pid):
                _remove(final.parent / name)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _is_nested(path: Path) -> bool:
    """Say whether a path lies in a folder that is itself at work, and is flushed with it."""
    return any(part.startswith(PREFIX) for part in path.parent.parts)


def _flush(path: Path) -> None:
    """Bring a file, or every file and folder of a tree, onto the disk."""
    if _is_nested(path):
        return
    if not path.is_dir():
        _fsync(path)
        return
    paths = [path]
    for folder, folders, files in os.walk(path):
        paths += [Path(folder, name) for name in (*files, *folders)]
    # each waits for the disk; a journal takes many at once in hardly more time than one
    with ThreadPoolExecutor(_FLUSHERS) as pool:
        list(pool.map(_fsync, paths))


def _fsync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(temporary: Path, final: Path) -> None:
    if os.path.isdir(final) and not final.is_symlink():
        # A folder with content cannot be replaced by a rename: step it aside first. For a
        # moment there is nothing under the final name, but never something half.
        aside = _temporary(final)
        os.rename(final, aside)
        os.replace(temporary, final)
        _remove(aside)
    else:
        os.replace(temporary, final)
    if not _is_nested(temporary):
        _fsync(final.parent)


def _remove(path: Path) -> None:
    # os.path, since Path.is_dir raises where the name is too long
    if os.path.isdir(path) and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()
