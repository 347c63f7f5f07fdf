"""Files and folders that are whole or not there."""

import codecs
import contextlib
import errno
import hashlib
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from core.errors import BrickbenchError

_PROBE_BYTES = 2**16


def require_writable(folder: Path) -> None:
    """Make `folder` if need be, and raise BrickbenchError unless files can be written in it."""
    probe = folder / f".writable-{_writer()}"
    with cannot_write(f"in {folder}", "Choose another folder or mend its permissions."):
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()


def require_new(*paths: Path | None, force: bool, option: str = "-o") -> None:
    """Raise BrickbenchError if one of the files or folders `paths` is there, unless `force` is given.

    `option` names the one that the user gave `paths` with; None stands for an option that was not given.
    """
    for path in paths:
        if path is not None and path.exists() and not force:
            raise BrickbenchError(f"{path} is there already: choose another place with {option}, or give --force.")


@contextlib.contextmanager
def all_or_none(*paths: Path | None) -> Iterator[None]:
    """Remove those of the files `paths` that came into being in a block that ends with an error.

    Else the same command, run again, would refuse to write over them.
    """
    new = [path for path in paths if path is not None and not path.exists()]
    try:
        yield
    except BaseException:
        for path in new:
            path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def cannot_write(what: Path | str, way_out: str) -> Iterator[None]:
    """Turn the OSError of a write in the block into a BrickbenchError of one sentence: what, why, and the way out."""
    try:
        yield
    except OSError as error:
        raise BrickbenchError(f"Cannot write {what}: {error.strerror or error}. {way_out}") from error


@contextlib.contextmanager
def output_file(path: Path, way_out: str = "Choose another file with -o.") -> Iterator[Path]:
    """Give a temporary path as `atomic_file` does, for a file that the user named: a failure is told in one sentence.

    Raises:
        BrickbenchError: `path` cannot be written.
    """
    with cannot_write(path, way_out), atomic_file(path) as temporary:
        yield temporary


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; when the block ends well it takes the place of `path` in one step."""
    temporary = path.with_name(f".{path.name}.{_writer()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _named_refusals(path):
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
    try:
        with _named_refusals(path):
            temporary.mkdir(parents=True)
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


@contextlib.contextmanager
def _named_refusals(path: Path) -> Iterator[None]:
    """Turn an error of the block that comes of a full disk into an OSError that names `path`.

    Libraries that write tell of a full disk each in their own way, if at all: so some bytes are written, to see.
    """
    try:
        yield
    except Exception as error:
        if os.strerror(errno.ENOSPC) in str(error):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        probe = path.with_name(f".{path.name}.{_writer()}.probe")
        try:
            with probe.open("wb") as file:
                file.write(bytes(_PROBE_BYTES))
                os.fsync(file.fileno())
        except OSError as refusal:
            raise OSError(refusal.errno, refusal.strerror, str(path)) from error
        finally:
            with contextlib.suppress(OSError):
                probe.unlink()
        raise


def unfinished_folder(path: Path) -> Path:
    """Return where the temporary folders of all writers of `path` lie; what else is put there goes with them."""
    return path.with_name(f".{path.name}.tmp")


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def decode_text(data: bytes) -> str:
    """Return text in UTF-8, or in UTF-16 with its mark, as Excel's “Unicode text” is; raises UnicodeDecodeError."""
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return data.decode("utf-16" if is_utf16 else "utf-8-sig")


def _writer() -> str:
    """Return a name that no other process has that may write on the same folder, on this machine or another."""
    return f"{socket.gethostname()}-{os.getpid()}"
