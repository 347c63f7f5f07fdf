"""Picture files on their way out, and folders of exports: whole or not there, and never in place of anything else."""

import contextlib
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_folder, unfinished_folder
from core.locks import is_running
from dataset.export.selection import Picture
from dataset.pictures import encode_jpeg, read_bytes, read_picture

MARKER_NAME = "brickbench-export.yaml"
"""Lies in each exported folder and says what it was made of; only a folder with it can be replaced."""
JPEG_QUALITY = 95  # of photos that lie elsewhere and are written at the size in which the dataset uses them


def file_of(root: Path, picture: Picture) -> tuple[str, bytes, Path | None]:
    """Return a picture's suffix, the bytes of its file, and where that lies; None if it was encoded anew.

    A stored picture goes out as it is. A photo that is only referenced is turned upright, converted to sRGB, brought
    to the dataset's size and encoded as JPEG.

    Raises:
        BrickbenchError: the file is missing, or is not the recorded one.
    """
    if Path(picture.file).is_absolute():
        image = read_picture(root, picture.file, picture.content_hash, picture.width, picture.height)
        return ".jpg", encode_jpeg(image, JPEG_QUALITY), None
    path = stored_path(root, picture.file)
    return path.suffix.lower(), read_bytes(root, picture.file, picture.content_hash), path


def stored_path(root: Path, file: str) -> Path:
    """Return the file of a dataset that its index or a shard names; raise BrickbenchError if it lies outside."""
    path = root / file
    if ".." in Path(file).parts or Path(file).is_absolute() or not path.resolve().is_relative_to(root.resolve()):
        raise BrickbenchError(f"The file {file!r} lies outside of the dataset {root}. Do not trust that dataset.")
    return path


def write_picture(data: bytes, stored: Path | None, target: Path, *, link: bool) -> None:
    """Write `data` to the new file `target`: with `link` as a hard link to `stored`, where the disk can do that."""
    if link and stored is not None:
        with contextlib.suppress(OSError):
            os.link(stored.resolve(), target)
            return
    with target.open("xb") as file:
        file.write(data)


@contextlib.contextmanager
def export_folder(path: Path, *, force: bool, made_from: Mapping[str, object]) -> Iterator[Path]:
    """Give a temporary folder that becomes `path`, with `made_from` written in it, as `new_folder` does.

    With `force` an earlier export there is replaced; a folder that holds anything else is refused all the same.
    """
    replaces = force and (path / MARKER_NAME).is_file()
    with new_folder(path, replaces=replaces) as temporary:
        yield temporary
        text = yaml.safe_dump(dict(made_from), sort_keys=False, allow_unicode=True)
        (temporary / MARKER_NAME).write_text(text, encoding="utf-8")


@contextlib.contextmanager
def new_folder(path: Path, *, replaces: bool = False) -> Iterator[Path]:
    """Give a temporary folder that becomes `path` when the block ends well; a killed one leaves nothing there.

    Raises:
        SettingsError: `path` is neither new nor empty, unless `replaces`.
        BrickbenchError: `path` cannot be written, as on a full disk; it is as it was then.
    """
    path = path.resolve()
    if not replaces:
        _require_free(path)
    unfinished = unfinished_folder(path)
    for leftover in unfinished.iterdir() if unfinished.is_dir() else ():
        if not _is_alive(leftover):
            shutil.rmtree(leftover, ignore_errors=True)  # an export may be large: not only when the new one is there
    try:
        with atomic_folder(path) as temporary:
            yield temporary
            if replaces:
                path.rename(unfinished / f"former-{temporary.name}")  # goes when the new folder is in its place
            else:
                _require_free(path)
    except OSError as error:
        raise BrickbenchError(
            f"The folder {path} could not be written: {error.strerror or error}. "
            "It is as it was; mend that, or choose another folder, and run the command again."
        ) from error


def _require_free(path: Path) -> None:
    if (path / MARKER_NAME).is_file():
        raise SettingsError(f"{path} holds an export already. Choose another folder, or replace it with --force.")
    if path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise SettingsError(
            f"The output folder {path} should be new or empty, but there is something in it. Choose another."
        )


def _is_alive(leftover: Path) -> bool:
    """Return whether the process that writes a temporary folder may still run; on another machine nobody knows."""
    host, _, pid = leftover.name.removeprefix("former-").rpartition("-")
    if host != socket.gethostname() or not pid.isdecimal():
        return True
    return is_running(int(pid)) and int(pid) != os.getpid()
