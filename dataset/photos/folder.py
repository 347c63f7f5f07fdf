"""The folder that is imported: its files, found by the names that annotations give them, and none outside it."""

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from dataset.manifest import MANIFEST_NAME
from dataset.photos.annotations import AnnotatedPhoto, PhotoError, Reason

PICTURE_SUFFIXES = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".ppm", ".heic",
)  # fmt: skip
IGNORED = {"__macosx", "thumbs.db", "desktop.ini"}  # made by operating systems, never by the user
SPLIT_NAMES = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "test": "test", "testing": "test",
}  # fmt: skip
_OUTSIDE = "leads outside the imported folder"


class PhotoFolder:
    """The files under a folder, hidden ones and other datasets left out; links that lead outside are refused."""

    def __init__(self, path: Path) -> None:
        """List `path`; where it is a file (a table, a COCO or YOLO file), list its folder and read that file alone."""
        self.root = (path if path.is_dir() else path.parent).resolve()
        self.name = path.resolve().name
        self.chosen = None if path.is_dir() else path.name
        self.refused: list[Reason] = []
        self.files = tuple(sorted(self._walk()))
        self._present = frozenset(self.files)
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for file in (*self.files, *(reason.file for reason in self.refused)):
            self._by_key[_key(file)].append(file)
            self._by_name[_key(posixpath.basename(file))].append(file)

    def _walk(self) -> Iterable[str]:
        for place, folders, names in os.walk(self.root, onerror=self._refuse_unreadable):
            base = Path(place)
            if base != self.root and MANIFEST_NAME in names:
                folders.clear()  # a dataset that lies in the folder is not imported into itself
                continue
            folders[:] = sorted(name for name in folders if not _ignored(name))
            for name in folders:
                if (base / name).is_symlink():
                    self.refused.append(
                        Reason(self._relative(base / name), "is a link to a folder: import that folder")
                    )
            for name in names:
                path = base / name
                if _ignored(name):
                    continue
                if _is_no_text(self._relative(path)):
                    self.refused.append(Reason(ascii(self._relative(path))[1:-1], "has a name that is no valid UTF-8"))
                elif path.is_symlink() and not path.resolve().is_relative_to(self.root):
                    self.refused.append(Reason(self._relative(path), f"is a link that {_OUTSIDE}"))
                elif path.is_file():
                    yield self._relative(path)

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

    def read_text(self, file: str) -> str:
        """Return the text of an annotation file.

        Raises:
            PhotoError: it cannot be read, or is no UTF-8.
        """
        try:
            return (self.root / file).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise PhotoError(f"cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise PhotoError("is no UTF-8 text; save it as UTF-8") from error

    def find(self, name: str, annotation: str, near: Sequence[str] = ("",)) -> str:
        """Return the file that the annotation file `annotation` calls `name`.

        It is looked for from each folder of `near` on, of which the first one is that of `annotation`: as it is
        written, then whatever its case, then by its last part alone, if only one file has it.

        Raises:
            PhotoError: it leads outside the folder, or is not there.
        """
        name = name.strip()
        slashed = name.replace("\\", "/")
        paths = [posixpath.normpath(posixpath.join(base, slashed)) for base in near]
        if _leads_outside(paths[0]) or re.match(r"[A-Za-z]:", slashed):
            raise PhotoError(f"{annotation} names {name!r}, which {_OUTSIDE}")
        inside = [path for path in paths if not _leads_outside(path)]
        found = [[path] for path in inside if path in self._present]
        found += [self._by_key[_key(path)] for path in inside if _key(path) in self._by_key]
        if not found:
            found = [self._by_name.get(_key(posixpath.basename(slashed)), [])]
        if len(found[0]) != 1:
            many = f"which is there {len(found[0])} times" if found[0] else "which is not there"
            raise PhotoError(f"{annotation} names {name!r}, {many}")
        for refused in self.refused:
            if refused.file == found[0][0]:
                raise PhotoError(f"{annotation} names {name!r}, which {refused.reason}")
        return found[0][0]

    def unnamed(self, photos: Iterable[AnnotatedPhoto], others: Iterable[Reason] = ()) -> list[Reason]:
        """Return the pictures that none of `photos` and `others` is, as left out."""
        named = {photo.file for photo in photos} | {reason.file for reason in others}
        return [Reason(file, "no annotation names it") for file in self.pictures() if file not in named]


def split_of_path(file: str) -> str | None:
    """Return the split that a folder on the way to `file` is called after, such as ``valid/images/1.jpg``."""
    splits = [SPLIT_NAMES[step.lower()] for step in file.split("/")[:-1] if step.lower() in SPLIT_NAMES]
    return splits[0] if splits else None


def _leads_outside(path: str) -> bool:
    """Return whether a normalised path is absolute or climbs above where it starts."""
    return path.startswith(("/", "../")) or path == ".."


def _ignored(name: str) -> bool:
    return name.startswith(".") or name.lower() in IGNORED


def _is_no_text(path: str) -> bool:
    """Return whether a path holds bytes that are no UTF-8, which Python keeps as lone surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in path)


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()
