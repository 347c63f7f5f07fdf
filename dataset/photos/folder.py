"""The folder that is imported: its files, found by the names that annotations give them, and none outside it."""

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from core.errors import BrickbenchError
from core.files import decode_text
from dataset.manifest import MANIFEST_NAME
from dataset.photos.annotations import AnnotatedPhoto, PhotoError, Reason

RAW_SUFFIXES = (
    ".dng", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".rw2", ".raf", ".pef", ".srw",
)  # fmt: skip
"""Of raw photos. They count as pictures, so that each is set aside as what it is."""
PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".heic",
    ".heif", ".hif", *RAW_SUFFIXES,
)  # fmt: skip
IGNORED = {"__macosx", "thumbs.db", "desktop.ini"}  # made by operating systems, never by the user
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_OUTSIDE = "leads outside the imported folder"


class PhotoFolder:
    """The files under a folder, hidden ones and other datasets left out; links that lead outside are refused."""

    def __init__(self, path: Path, part_names: Collection[str] = ()) -> None:
        """List `path`; where it is a file (a table, a COCO or YOLO file), list its folder and read that file alone.

        Args:
            path: a folder, or a file in it.
            part_names: names and numbers of parts, in lower case; a cell of a table that is one is not split.
        """
        self.part_names = frozenset(part_names)
        self.root = (path if path.is_dir() else path.parent).resolve()
        self.name = path.resolve().name
        self.chosen = None if path.is_dir() else path.name
        self.refused: list[Reason] = []
        self.files = tuple(sorted(self._walk()))
        self._present = frozenset(self.files)
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)  # pictures
        for file in (*self.files, *(reason.file for reason in self.refused)):
            self._by_key[_key(file)].append(file)
            self._by_name[_key(posixpath.basename(file))].append(file)
            if file.lower().endswith(PICTURE_SUFFIXES):
                self._by_stem[_key(stem_of(file))].append(file)

    def _walk(self) -> Iterable[str]:
        for place, folders, names in os.walk(self.root, onerror=self._refuse_unreadable):
            base = Path(place)
            if base != self.root and MANIFEST_NAME in names and _is_manifest(base / MANIFEST_NAME):
                folders.clear()  # a dataset that lies in the folder is not imported into itself
                continue
            folders[:] = sorted(name for name in folders if not _ignored(name))
            for name in folders:
                if (base / name).is_symlink():
                    self.refused.append(
                        Reason(self._relative(base / name), "is a link to a folder: import that folder")
                    )
            for name in names:
                if _ignored(name):
                    continue
                file = self._relative(base / name)
                if _is_no_text(file):
                    self.refused.append(Reason(ascii(file)[1:-1], "has a name that is no valid UTF-8"))
                elif problem := self._link_problem(base / name):
                    self.refused.append(Reason(file, problem))
                elif (base / name).is_file():
                    yield file

    def _link_problem(self, path: Path) -> str | None:
        """Return why a link cannot be followed, None where it can, and for what is no link."""
        if not path.is_symlink():
            return None
        try:
            target = path.resolve(strict=True)
        except RuntimeError:  # how Python 3.11 tells of a loop
            return "is a link that leads back to itself"
        except OSError as error:
            return "is a link to nothing" if isinstance(error, FileNotFoundError) else f"is a link: {error.strerror}"
        return None if target.is_relative_to(self.root) else f"is a link that {_OUTSIDE}"

    def _refuse_unreadable(self, error: OSError) -> None:
        folder = self._relative(Path(error.filename))
        self.refused.append(Reason(folder, f"cannot be read: {error.strerror or error}"))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def pictures(self) -> list[str]:
        """Return the files whose names end as those of pictures do."""
        return self.ending(*PICTURE_SUFFIXES)

    def ending(self, *suffixes: str) -> list[str]:
        """Return the files with one of these suffixes, whatever its case; the chosen one alone if a file was given."""
        if self.chosen is not None and not set(suffixes) & set(PICTURE_SUFFIXES):
            return [self.chosen] if self.chosen.lower().endswith(suffixes) else []
        return [file for file in self.files if file.lower().endswith(suffixes)]

    def read_bytes(self, file: str) -> bytes:
        """Return what is in an annotation file; PhotoError if it cannot be read."""
        try:
            return (self.root / file).read_bytes()
        except OSError as error:
            raise PhotoError(f"cannot be read: {error.strerror or error}") from error

    def mentions(self, file: str, *keys: str) -> set[str]:
        """Return those of `keys` that a file has in quotes, whatever its encoding; none if it cannot be read."""
        try:
            text = self.read_bytes(file).replace(b"\0", b"")
        except PhotoError:
            return set()
        return {key for key in keys if f'"{key}"'.encode() in text}

    def read_text(self, file: str) -> str:
        """Return the text of an annotation file: UTF-8, or UTF-16 with its mark.

        Raises:
            PhotoError: it cannot be read, or is neither.
        """
        data = self.read_bytes(file)
        try:
            return decode_text(data)
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise PhotoError(f"is no UTF-8 text, as line {line} shows; save it as UTF-8") from error

    def text_if_any(self, file: str) -> str:
        """Return the text of a file, empty where it cannot be read."""
        try:
            return self.read_text(file)
        except PhotoError:
            return ""

    def lines(self, file: str) -> list[str]:
        """Return the lines of a file without which nothing can be imported; BrickbenchError if it cannot be read."""
        try:
            return self.read_text(file).splitlines()
        except PhotoError as error:
            raise BrickbenchError(f"{self.root / file} {error}.") from error

    def find(self, name: str, annotation: str, near: Sequence[str] = ("",)) -> str:
        """Return the file that the annotation file `annotation` calls `name`.

        It is looked for from each folder of `near` on, of which the first one is that of `annotation`: as it is
        written, then whatever its case, then without the first folders of its path, which may be of another machine,
        then by its last part alone, and a picture's without its suffix, if only one file has it.

        Raises:
            PhotoError: it leads outside the folder, or is not there.
        """
        name = name.strip()
        slashed = name.replace("\\", "/")
        if not slashed:
            raise PhotoError(f"{annotation} names no picture")
        paths = [posixpath.normpath(posixpath.join(base, slashed)) for base in near]
        if _leads_outside(paths[0]) or re.match(r"[A-Za-z]:", slashed):
            raise PhotoError(f"{annotation} names {name!r}, which {_OUTSIDE}")
        inside = [path for path in paths if not _leads_outside(path)]
        found = [[path] for path in inside if path in self._present]
        found += [self._by_key[_key(path)] for path in inside if _key(path) in self._by_key]
        if not found:
            steps = posixpath.normpath(slashed).split("/")
            tails = ["/".join(steps[start:]) for start in range(1, len(steps) - 1)]
            ends = [posixpath.normpath(posixpath.join(base, tail)) for tail in tails for base in near]
            found = [self._by_key[_key(end)] for end in ends if _key(end) in self._by_key]
        if not found:
            last = _key(posixpath.basename(slashed))
            found = [self._by_name.get(last, []) or _developed(self._by_stem.get(last, []))]
        if len(found[0]) != 1:
            many = f"which is there {len(found[0])} times" if found[0] else "which is not there"
            raise PhotoError(f"{annotation} names {name!r}, {many}")
        for refused in self.refused:
            if refused.file == found[0][0]:
                raise PhotoError(f"{annotation} names {name!r}, which {refused.reason}")
        return found[0][0]

    def picture_of(self, name: str, annotation: str, near: Sequence[str]) -> str:
        """Return the picture that `annotation`, a file for one picture alone, is of: the one that it calls `name`.

        It is the picture of its own stem where the named one is missing, or has an annotation file of its own: then
        the file was copied from its neighbour's.

        Raises:
            PhotoError: `name` leads outside the folder, or there is no picture.
        """
        own = self._own_picture(annotation, near)
        try:
            named = self.find(name, annotation, near)
        except PhotoError as error:
            if own is None or _OUTSIDE in str(error):
                raise
            return own
        is_its_own = _key(stem_of(named)) == _key(stem_of(annotation))
        neighbour = posixpath.join(posixpath.dirname(annotation), stem_of(named) + posixpath.splitext(annotation)[1])
        return own if own is not None and not is_its_own and _key(neighbour) in self._by_key else named

    def _own_picture(self, annotation: str, near: Sequence[str]) -> str | None:
        """Return the picture with the stem of an annotation file, None if there is none or there are several."""
        stem = stem_of(annotation)
        for base in near:
            start = posixpath.normpath(posixpath.join(base, stem))
            files = [file for suffix in PICTURE_SUFFIXES for file in self._by_key.get(_key(start + suffix), [])]
            if files:
                break
        else:
            files = self._by_stem.get(_key(stem), [])
        files = _developed(files)
        return files[0] if len(files) == 1 and files[0] in self._present else None

    def same(self, path: str) -> list[str]:
        """Return the files at `path` whatever their case, the one that is written so first."""
        files = [file for file in self._by_key.get(_key(path), []) if file in self._present]
        return sorted(files, key=lambda file: (file != path, file))

    def alone(self, stem: str, suffix: str) -> str | None:
        """Return the file of this stem and suffix, if that and a picture of that stem are there once each."""
        files = [file for file in self._by_name.get(_key(stem + suffix), []) if file in self._present]
        pictures = _developed(self._by_stem.get(_key(stem), []))
        return files[0] if len(files) == len(pictures) == 1 else None

    def unnamed(self, photos: Iterable[AnnotatedPhoto], others: Iterable[Reason] = ()) -> list[Reason]:
        """Return the pictures that none of `photos` and `others` is, as left out."""
        named = {photo.file for photo in photos} | {reason.file for reason in others}
        return [Reason(file, "no annotation names it") for file in self.pictures() if file not in named]


def stem_of(file: str) -> str:
    """Return the name of a file without its folder and suffix."""
    return posixpath.splitext(posixpath.basename(file))[0]


def split_of_path(file: str) -> str | None:
    """Return the split that a folder on the way to `file` is called after, such as ``valid/images/1.jpg``."""
    splits = [SPLIT_NAMES[step.lower()] for step in file.split("/")[:-1] if step.lower() in SPLIT_NAMES]
    return splits[0] if splits else None


def _developed(files: list[str]) -> list[str]:
    """Return `files` without the raw photos, if others are among them: cameras write both under one name."""
    return [file for file in files if not file.lower().endswith(RAW_SUFFIXES)] or files


def _leads_outside(path: str) -> bool:
    """Return whether a normalised path is absolute or climbs above where it starts."""
    return path.startswith(("/", "../")) or path == ".."


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED


def _is_manifest(path: Path) -> bool:
    """Return whether a dataset.yaml is that of a Brickbench dataset: YOLO's settings are called so too."""
    try:
        return b"schema_version" in path.read_bytes()
    except OSError:
        return True


def _is_no_text(path: str) -> bool:
    """Return whether a path holds bytes that are no UTF-8, which Python keeps as lone surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in path)


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
