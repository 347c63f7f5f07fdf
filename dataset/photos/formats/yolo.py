"""YOLO: a ``data.yaml`` with class names and splits, and a text file of boxes or outlines beside each picture."""

import posixpath
from typing import Any

import yaml

from core.errors import BrickbenchError
from dataset.photos.annotations import AnnotatedPhoto, Annotations, PhotoError, PhotoObject, Reason
from dataset.photos.folder import PhotoFolder

SPLITS = ("train", "val", "test")
WHOLE = (1.0, 1.0)  # coordinates are shares of the upright picture


def fits(folder: PhotoFolder) -> bool:
    """Return whether there is a data.yaml."""
    return _settings_file(folder) is not None


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos of all splits; a picture without a text file shows nothing of any class, as YOLO has it.

    Lines of five numbers are boxes, longer ones outlines (also the four corners of a turned box). Where two splits
    name the same folder they are no splits.

    Raises:
        BrickbenchError: data.yaml cannot be read, or leads outside the folder.
    """
    settings_file = _settings_file(folder) or "data.yaml"
    try:
        settings = yaml.safe_load(folder.read_text(settings_file))
        names = _class_names(settings)
    except (yaml.YAMLError, PhotoError) as error:
        reason = str(error).splitlines()[0]
        raise BrickbenchError(f"{folder.root / settings_file} cannot be used: {reason}.") from error
    sources = {split: _as_list(settings.get(split)) for split in SPLITS}
    sources = {split: source for split, source in sources.items() if source}
    base = posixpath.join(posixpath.dirname(settings_file), _inner_path(folder, settings.get("path")))
    found = Annotations()
    for split, source in sources.items():
        alone = sum(other == source for other in sources.values()) == 1
        if not alone and split != next(name for name, other in sources.items() if other == source):
            continue
        for entry in source:
            for file in _pictures(folder, base, entry, settings_file, found):
                try:
                    found.photos.append(_read_photo(folder, file, names, split if alone else None))
                except PhotoError as error:
                    found.set_aside.append(Reason(file, str(error)))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _settings_file(folder: PhotoFolder) -> str | None:
    files = folder.ending(".yaml", ".yml")
    if folder.chosen is None:
        files = [file for file in files if posixpath.basename(file) in {"data.yaml", "data.yml"}]
    return min(files, key=lambda file: file.count("/")) if files else None


def _class_names(settings: Any) -> dict[int, str]:
    names = settings.get("names") if isinstance(settings, dict) else None
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict) or not all(
        str(key).isdigit() and isinstance(name, str | int | float) for key, name in names.items()
    ):
        raise PhotoError("it should hold `names`, the list of class names")
    return {int(key): str(name).strip() for key, name in names.items()}


def _as_list(value: Any) -> list[str]:
    return [str(entry) for entry in value] if isinstance(value, list) else [str(value)] if value else []


def _inner_path(folder: PhotoFolder, path: Any) -> str:
    """Return `path` of data.yaml if it leads to a folder in here; else it is of the machine that it came from."""
    inner = posixpath.normpath(str(path or "."))
    return inner if not inner.startswith(("/", "..")) and (folder.root / inner).is_dir() else ""


def _pictures(folder: PhotoFolder, base: str, entry: str, settings_file: str, found: Annotations) -> list[str]:
    """Return the pictures that an entry of a split names: those in a folder, or in a text file's lines."""
    inside = posixpath.normpath(posixpath.join(base, entry))
    while inside.startswith("../"):  # Roboflow writes ../train/images for what lies beside data.yaml
        inside = inside[3:]
    if inside.startswith("/") or inside == "..":
        raise BrickbenchError(
            f"{folder.root / settings_file} names {entry!r}, which leads outside the imported folder. "
            "Write it relative to data.yaml."
        )
    if inside.endswith(".txt"):
        try:
            lines = folder.read_text(folder.find(inside, settings_file)).splitlines()
        except PhotoError as error:
            raise BrickbenchError(f"{folder.root}: {error}.") from error
        files = []
        for line in filter(str.strip, lines):
            try:
                files.append(folder.find(line, inside, [base, posixpath.dirname(inside)]))
            except PhotoError as error:
                found.set_aside.append(Reason(line.strip(), str(error)))
        return files
    files = [file for file in folder.pictures() if inside == "." or file.startswith(inside + "/")]
    if not files:
        raise BrickbenchError(
            f"{folder.root / settings_file} names {entry!r}, but no pictures are there. Mend it, or put them there."
        )
    return files


def _read_photo(folder: PhotoFolder, file: str, names: dict[int, str], split: str | None) -> AnnotatedPhoto:
    stem = posixpath.splitext(file)[0]
    before, images, after = f"/{stem}".rpartition("/images/")
    candidates = [f"{before}/labels/{after}.txt".lstrip("/")] if images else []
    label_file = next((name for name in (*candidates, f"{stem}.txt") if (folder.root / name).is_file()), None)
    things = []
    if label_file is not None:
        folder.find(label_file, file)  # refuses a link that leads outside
        try:
            text = folder.read_text(label_file)
        except PhotoError as error:
            raise PhotoError(f"{label_file} {error}") from error
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                things.append(_read_line(line, names, f"line {number} of {label_file}"))
    return AnnotatedPhoto(file, label_file, split, objects=tuple(things), frame=WHOLE)


def _read_line(line: str, names: dict[int, str], where: str) -> PhotoObject:
    try:
        number, *values = (float(word) for word in line.split())
    except ValueError as error:
        raise PhotoError(f"{where} holds something else than numbers") from error
    if number not in names:
        raise PhotoError(f"{where} is of class {number:g}, which data.yaml does not name")
    name = names[int(number)]
    if len(values) == 4:
        x, y, width, height = values
        return PhotoObject(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if len(values) >= 6 and len(values) % 2 == 0:
        return PhotoObject(name, polygons=(tuple(values),))
    raise PhotoError(f"{where} has {len(values)} numbers behind the class; a box has 4, an outline 6, 8, 10 and so on")
