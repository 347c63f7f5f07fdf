"""Files and folders that are whole or not there."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from core.errors import BrickbenchError


def require_writable(folder: Path) -> None:
    """Make `folder` if need be, and raise BrickbenchError unless files can be written in it."""
    probe = folder / f".writable-{_writer()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise BrickbenchError(
            f"Cannot write in {folder}: {error.strerror or error}. Choose another folder or mend its permissions."
        ) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it takes the place of `path` in one step."""
    temporary = path.with_name(f".{path.name}.{_writer()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give an empty temporary folder beside `path`; when the block ends well it is renamed to `path`.

    If `path` came into being meanwhile (two workers made the same folder), the first one stays. What killed
    processes left of the same folder is cleared away then; beside `path` lie perhaps very many others, so nothing is
    looked for there.
    """
    unfinished = unfinished_folder(path)
    temporary = unfinished / _writer()
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        for written in temporary.rglob("*"):
            if written.is_file():
                with written.open("rb") as file:
                    os.fsync(file.fileno())
        with contextlib.suppress(OSError) if path.exists() else contextlib.nullcontext():
            temporary.rename(path)
        shutil.rmtree(unfinished, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        with contextlib.suppress(OSError):  # another process is making the same
            unfinished.rmdir()


def unfinished_folder(path: Path) -> Path:
    """Return where the temporary folders of all writers of `path` lie; what else is put there goes with them."""
    return path.with_name(f".{path.name}.tmp")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def sole_writer(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process while the block lasts, or raise BrickbenchError if another one holds it.

    For files that are read, added to and written anew: of two writers the second would undo the first. The lock is on
    the folder itself, so nothing is left behind, and ends with the process.
    """
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(held)
        raise BrickbenchError(
            f"Another process is writing in {folder}. Wait until it is done, then run this again."
        ) from error
    except OSError:  # a network file system that locks no folders
        pass
    try:
        yield
    finally:
        os.close(held)


def _writer() -> str:
    """Return a name that no other process has that may write on the same folder, on this machine or another."""
    return f"{socket.gethostname()}-{os.getpid()}"
