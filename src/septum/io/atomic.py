"""Atomic writes: a file or folder appears under its final name only when it is complete.

It is written beside its final place, flushed to disk and renamed. A killed run leaves a file
with a hidden name (``.part-…``), which no reader takes for a result and which the next writer
of the same file removes.
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

TEMPORARY_PREFIX = ".part-"
_FLUSH_THREADS = 16
_SERIAL_NUMBERS = itertools.count()
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
    """Yield a path to write to, and rename it to ``final`` at the end.

    Parameters
    ----------
    final : str or Path
        File or folder; its parents are created. An older one is replaced, on success only.

    Yields
    ------
    Path
        A path in the same folder and with the same suffixes that does not exist yet, to be made
        a file or a folder.

    Raises
    ------
    SeptumError
        If the file cannot be written. Exceptions inside the block are raised again, after what
        was written has been removed.
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
    """Raise if files cannot be written into a folder, to find out before a long computation.

    The folder need not exist; no file is left behind.

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
            os.stat(folder)  # raises if the name is too long


def write_text(path: str | Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: str | Path, obj: Any) -> None:
    """Write JSON atomically; NumPy scalars and arrays become numbers and lists.

    Raises
    ------
    ValueError
        If a number is not finite, which JSON cannot express; use ``None`` instead.
    """
    text = json.dumps(obj, indent=2, ensure_ascii=False, allow_nan=False, default=plain)
    write_text(path, text + "\n")


def read_json(path: str | Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    SeptumError
        If the file is missing, cannot be read, or is not valid JSON.
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
    """Convert a NumPy value to plain Python, for `json`."""
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
        # Errors of reading another file inside the block are not errors of writing this one.
        path = os.path.abspath(touched)
        about = path if error.filename is None else os.path.abspath(os.fsdecode(error.filename))
        is_about_final = about.startswith(path) or path.startswith(about)
        # Files inside a temporary folder are reported by the folder, which users know by name.
        if error.errno not in _WRITE_ERRORS or not is_about_final or _is_nested(final):
            raise
        reason = _file_in_the_way(final) or os.strerror(error.errno)
        remedy = "check the path, its permissions and the space left on that disk"
        raise problem(final, f"cannot be written ({reason})", remedy) from error


def _file_in_the_way(final: Path) -> str:
    """Return a message if a parent of ``final`` is a file and not a folder, else nothing."""
    files = (path for path in final.parents if os.path.isfile(path))
    return next((f"{file} is a file, not a folder" for file in files), "")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def _own_prefix(final: Path) -> str:
    return f"{TEMPORARY_PREFIX}{_digest(final.name)}-{_digest(socket.gethostname())}-"


def _temporary(final: Path) -> Path:
    suffixes = "".join(final.suffixes[-2:])[-60:]
    return final.parent / f"{_own_prefix(final)}{os.getpid()}-{next(_SERIAL_NUMBERS)}{suffixes}"


def _clear_leftovers(final: Path) -> None:
    """Remove files that killed writers of the same file left, if they ran on this machine."""
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
    """Return whether a path lies in a temporary folder, with which it will be flushed."""
    return any(part.startswith(TEMPORARY_PREFIX) for part in path.parent.parts)


def _flush(path: Path) -> None:
    """Flush a file, or all files and folders of a tree, to disk."""
    if _is_nested(path):
        return
    if not path.is_dir():
        _fsync(path)
        return
    paths = [path]
    for folder, folders, files in os.walk(path):
        paths += [Path(folder, name) for name in (*files, *folders)]
    # in parallel, since a journal flushes many files in hardly more time than one
    with ThreadPoolExecutor(_FLUSH_THREADS) as pool:
        list(pool.map(_fsync, paths))


def _fsync(path: str | Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(temporary: Path, final: Path) -> None:
    if os.path.isdir(final) and not final.is_symlink():
        # A folder with content cannot be replaced by a rename, so it is renamed first. For a
        # moment there is nothing under the final name, but never an incomplete folder.
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
