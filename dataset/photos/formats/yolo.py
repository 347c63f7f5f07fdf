"""YOLO: class names in a file, and a text file of boxes or outlines a picture.

Written so by Ultralytics and Roboflow (``data.yaml``), Darknet and CVAT (``obj.data`` with ``obj.names``), labelImg and
Label Studio (``classes.txt``).
"""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from core.errors import BrickbenchError
from dataset.photos.annotation_text import NULLS, load_yaml_text
from dataset.photos.annotations import AnnotatedPhoto, Annotations, PhotoError, PhotoObject, Reason
from dataset.photos.coordinates import outline
from dataset.photos.folder import PICTURE_SUFFIXES, SPLIT_NAMES, PhotoFolder, split_of_path, stem_of

SPLITS = ("train", "val", "test")
WHOLE = (1.0, 1.0)  # coordinates are shares of the upright picture
PICTURE_FOLDERS = ("images", "jpegimages", "imgs", "img", "image", "photos", "pictures")
LABEL_FOLDERS = ("labels", "label", "annotations", "labels_yolo", "txt")
NAME_FILES = ("classes.txt", "obj.names", "classes.names", "_darknet.labels", "predefined_classes.txt")
_SETTINGS_NAMES = ("data.yaml", "data.yml")
_SETTINGS = re.compile(r"^[\"']?names[\"']?\s*:", re.MULTILINE)
_HAS_SPLIT = re.compile(r"^[\"']?(train|val|test)[\"']?\s*:", re.MULTILINE)
_LABEL = re.compile(r"\s*\d+(\.0*)?(\s+[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?){4,}\s*")


@dataclass
class _Source:
    """What a folder says besides its label files: class names by number, and the pictures of each split."""

    file: str
    names: dict[int, str]
    splits: dict[str | None, list[str]] = field(default_factory=dict)
    """Entries of each split: folders, or text files that list pictures. None: of no split."""
    base: str = ""
    """Folder from which entries count."""
    keypoint_values: int = 0
    """Numbers of a line that follow its box and are keypoints."""


def fits(folder: PhotoFolder) -> bool:
    """Return whether there is a file of class names as YOLO tools write it."""
    if _settings_file(folder) is not None:
        return True
    if _names_file(folder) is None:
        return False
    texts = {stem_of(file).casefold() for file in folder.ending(".txt") if not _is_other_text(file)}
    return folder.chosen is not None or any(stem_of(picture).casefold() in texts for picture in folder.pictures())


def has_labels(folder: PhotoFolder) -> bool:
    """Return whether a text file beside a picture, or in place of it, holds YOLO's labels."""
    texts = [file for file in folder.ending(".txt") if _label_lines(folder, file)]
    if not texts:
        return False
    stems = {stem_of(file).casefold() for file in texts}
    return any(stem_of(picture).casefold() in stems for picture in folder.pictures())


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos of all splits; a picture without a text file shows nothing of any class, as YOLO has it.

    Lines of five numbers are boxes, longer ones outlines (also the four corners of a turned box); where data.yaml has
    a ``kpt_shape``, what follows the box are keypoints. Where two splits name the same folder, or all is train, they
    are no splits.

    Raises:
        BrickbenchError: the class names cannot be read, or no split is there.
    """
    found = Annotations()
    source = _read_source(folder, found)
    used: set[str] = set()
    for split, file in _pictures_of_splits(folder, source, found):
        label_file = None
        try:
            label_file = _label_file(folder, file)
            if label_file is not None:
                used.add(label_file)
            found.photos.append(_read_photo(folder, file, label_file, source, split))
        except PhotoError as error:
            labels = len(_label_lines(folder, label_file)) if label_file else 0
            found.set_aside.append(Reason(file, str(error), labels))
    found.left_out = [*folder.unnamed(found.photos, found.set_aside), *_unused(folder, used)]
    return found


def _settings_file(folder: PhotoFolder) -> str | None:
    files = folder.ending(".yaml", ".yml")
    if folder.chosen is None:
        files = [file for file in files if _is_settings(folder, file)]
    return min(
        files, key=lambda file: (file.count("/"), posixpath.basename(file) not in _SETTINGS_NAMES, file), default=None
    )


def _is_settings(folder: PhotoFolder, file: str) -> bool:
    if posixpath.basename(file).lower() in _SETTINGS_NAMES:
        return True
    text = folder.text_if_any(file)
    return bool(_SETTINGS.search(text) and _HAS_SPLIT.search(text))


def _names_file(folder: PhotoFolder) -> str | None:
    """Return the file of class names, one a line, the one nearest to the top; several with other names are refused."""
    if folder.chosen is not None:
        return folder.chosen if folder.chosen.lower() in NAME_FILES else None
    files = [file for file in folder.files if posixpath.basename(file).lower() in NAME_FILES]
    files += [file for file in folder.files if file.lower().endswith(".names") and file not in files]
    return min(files, key=lambda file: (file.count("/"), file), default=None)


def _read_source(folder: PhotoFolder, found: Annotations) -> _Source:
    settings_file = _settings_file(folder)
    if settings_file is not None:
        return _source_of_yaml(folder, settings_file)
    names_file = _names_file(folder)
    if names_file is None:
        example = next(file for file in folder.ending(".txt") if _label_lines(folder, file))
        raise BrickbenchError(
            f"{folder.root} holds YOLO labels ({example}), but no file with the names of their classes. Put a "
            "classes.txt there, with a name a line in the order of their numbers, or a data.yaml with `names`."
        )
    names = _read_names(folder, names_file)
    for other in folder.files:
        is_names = posixpath.basename(other) == posixpath.basename(names_file) and other != names_file
        if is_names and folder.chosen is None and _read_names(folder, other) != names:
            raise BrickbenchError(
                f"{folder.root / names_file} and {other} name other classes. Import the two folders one by one."
            )
    source = _Source(names_file, names)
    for list_file in folder.ending(".txt") if folder.chosen is None else folder.files:
        split = SPLIT_NAMES.get(stem_of(list_file).lower())
        if split and list_file.lower().endswith(".txt") and _lists_pictures(folder, list_file):
            source.splits.setdefault(split, []).append(list_file)
    found.notes += _only_train(source)
    return source


def _read_names(folder: PhotoFolder, file: str) -> dict[int, str]:
    lines = folder.lines(file)
    while lines and not lines[-1].strip():
        lines.pop()
    return {number: line.strip() for number, line in enumerate(lines)}


def _lists_pictures(folder: PhotoFolder, file: str) -> bool:
    lines = [line.strip().lower() for line in folder.text_if_any(file).splitlines() if line.strip()]
    return bool(lines) and all(line.endswith(PICTURE_SUFFIXES) for line in lines)


def _source_of_yaml(folder: PhotoFolder, file: str) -> _Source:
    try:
        settings = load_yaml_text(folder.read_text(file))
        names = _class_names(settings)
        keypoint_values = _keypoint_values(settings)
    except PhotoError as error:
        raise BrickbenchError(f"{folder.root / file} cannot be used: {error}.") from error
    splits = {split: _as_list(settings.get(split)) for split in SPLITS}
    splits["val"] = splits["val"] or _as_list(settings.get("valid"))
    base = posixpath.join(posixpath.dirname(file), _inner_path(folder, settings.get("path")))
    return _Source(file, names, {split: entries for split, entries in splits.items() if entries}, base, keypoint_values)


def _class_names(settings: Any) -> dict[int, str]:
    names = settings.get("names") if isinstance(settings, dict) else None
    if isinstance(names, list):
        names = {str(number): name for number, name in enumerate(names)}
    if not isinstance(names, dict) or not all(
        key.strip().isdecimal() and isinstance(name, str) for key, name in names.items()
    ):
        raise PhotoError("it should hold `names`, the list of class names")
    return {int(key): "" if name in NULLS else name.strip() for key, name in names.items()}


def _keypoint_values(settings: dict[str, Any]) -> int:
    shape = settings.get("kpt_shape")
    if shape is None or (isinstance(shape, str) and shape in NULLS):
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(str(size).isdecimal() for size in shape):
        raise PhotoError(f"its `kpt_shape` should be two whole numbers, it is {shape!r}")
    return int(shape[0]) * int(shape[1])


def _as_list(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, str) and entry not in NULLS]


def _inner_path(folder: PhotoFolder, path: Any) -> str:
    """Return `path` of data.yaml if it leads to a folder in here; else it is of the machine that it came from."""
    inner = posixpath.normpath(path if isinstance(path, str) and path else ".")
    return inner if not inner.startswith(("/", "..")) and (folder.root / inner).is_dir() else ""


def _only_train(source: _Source) -> list[str]:
    """Take away the split of photos that are all train, and return a sentence on that."""
    if set(source.splits) != {"train"}:
        return []
    source.splits = {None: source.splits["train"]}
    return [f"{source.file} names pictures of train alone, so they are divided into train, val and test."]


def _pictures_of_splits(folder: PhotoFolder, source: _Source, found: Annotations) -> Iterator[tuple[str | None, str]]:
    """Yield (split, picture) for all that the splits name; without splits, all pictures with that of their folders."""
    if not source.splits:
        yield from ((split_of_path(file), file) for file in folder.pictures())
        return
    is_yaml = source.file.lower().endswith((".yaml", ".yml"))
    pictures = {
        split: [file for entry in entries for file in _pictures(folder, source, split, entry, found)]
        for split, entries in source.splits.items()
    }
    if not any(pictures.values()) and not found.set_aside:
        entries = ", ".join(repr(entry) for entries in source.splits.values() for entry in entries)
        raise BrickbenchError(
            f"{folder.root / source.file} names {entries}, but no pictures are there. Mend it, or put them there."
        )
    for split in [split for split in pictures if not pictures[split]]:
        del source.splits[split], pictures[split]
    if is_yaml:
        found.notes += _only_train(source)
        pictures = dict(zip(source.splits, pictures.values(), strict=True))
    for split, files in pictures.items():
        same = [other for other in pictures if pictures[other] == files]
        if split == same[0]:
            yield from ((split if len(same) == 1 else None, file) for file in files)


def _pictures(folder: PhotoFolder, source: _Source, split: str | None, entry: str, found: Annotations) -> list[str]:
    """Return the pictures that an entry of a split names: those in a folder, or in a text file's lines."""
    inside = posixpath.normpath(posixpath.join(source.base, entry.replace("\\", "/")))
    while inside.startswith("../"):  # Roboflow writes ../train/images for what lies beside data.yaml
        inside = inside[3:]
    if inside.startswith("/") or inside == "..":
        raise BrickbenchError(
            f"{folder.root / source.file} names {entry!r}, which leads outside the imported folder. "
            f"Write it relative to {posixpath.basename(source.file)}."
        )
    if inside.lower().endswith(".txt"):
        return _listed(folder, source, split, inside, found)
    for path in _shortened_paths(inside):
        start = "" if path == "." else f"{path}/".casefold()
        if files := [file for file in folder.pictures() if file.casefold().startswith(start)]:
            return files
    found.notes.append(f"{source.file} names {entry!r} for {split or 'train'}, but no pictures are there.")
    return []


def _shortened_paths(path: str) -> Iterator[str]:
    """Yield `path` and what is left of it without its first folders: those may be of another machine.

    A folder that is called after a split stays: ``test/images`` is not ``images``.
    """
    yield path
    while "/" in path:
        first, _, path = path.partition("/")
        if first.lower() in SPLIT_NAMES:
            return
        yield path


def _listed(folder: PhotoFolder, source: _Source, split: str | None, name: str, found: Annotations) -> list[str]:
    """Return the pictures in the lines of a text file; those that are not there are set aside.

    Raises:
        BrickbenchError: the file is there and cannot be read.
    """
    try:
        list_file = folder.find(name, source.file)
    except PhotoError as error:
        found.notes.append(f"The pictures of {split or 'train'} cannot be listed: {error}.")
        return []
    files = []
    for line in filter(str.strip, folder.lines(list_file)):
        try:
            files.append(folder.find(line, list_file, [source.base, posixpath.dirname(list_file)]))
        except PhotoError as error:
            found.set_aside.append(Reason(line.strip(), str(error)))
    return files


def _label_file(folder: PhotoFolder, picture: str) -> str | None:
    """Return the text file with a picture's labels: in a folder beside that of pictures, else beside the picture.

    Raises:
        PhotoError: two files of other case could be it.
    """
    steps = posixpath.splitext(picture)[0].split("/")
    candidates = []
    for place in reversed(range(len(steps) - 1)):
        if steps[place].lower() in PICTURE_FOLDERS:
            candidates += ["/".join([*steps[:place], name, *steps[place + 1 :]]) for name in LABEL_FOLDERS]
    candidates.append("/".join(steps))
    for place in reversed(range(len(steps))):
        candidates += ["/".join([*steps[:place], "labels", *steps[after:]]) for after in (place, place + 1)]
    for candidate in candidates[:-1]:  # the last one would be called `labels` itself
        files = folder.same(f"{candidate}.txt")
        if len(files) > 1 and files[0] != f"{candidate}.txt":
            raise PhotoError(f"could have its labels in {' or '.join(files)}; delete the one that is wrong")
        if files and not _is_other_text(files[0]):
            return files[0]
    alone = folder.alone(stem_of(picture), ".txt")
    return alone if alone is not None and _label_lines(folder, alone) else None


def _is_other_text(file: str) -> bool:
    return posixpath.basename(file).lower() in NAME_FILES


def _read_photo(
    folder: PhotoFolder, file: str, label_file: str | None, source: _Source, split: str | None
) -> AnnotatedPhoto:
    things = []
    if label_file is not None:
        try:
            text = folder.read_text(label_file)
        except PhotoError as error:
            raise PhotoError(f"{label_file} {error}") from error
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                things.append(_read_line(line, source, f"line {number} of {label_file}"))
    return AnnotatedPhoto(file, label_file, split, objects=tuple(things), frame=WHOLE)


def _read_line(line: str, source: _Source, where: str) -> PhotoObject:
    try:
        number, *values = (float(word) for word in line.split())
    except ValueError as error:
        raise PhotoError(f"{where} holds something else than numbers") from error
    if not source.names.get(int(number) if number.is_integer() else -1):
        raise PhotoError(f"{where} is of class {number:g}, which {posixpath.basename(source.file)} does not name")
    name = source.names[int(number)]
    if source.keypoint_values and len(values) == 4 + source.keypoint_values:
        values = values[:4]
    if len(values) == 4:
        x, y, width, height = values
        return PhotoObject(name, (x - width / 2, y - height / 2, x + width / 2, y + height / 2))
    if source.keypoint_values:
        raise PhotoError(
            f"{where} has {len(values)} numbers behind the class; with the kpt_shape of "
            f"{posixpath.basename(source.file)} it has {4 + source.keypoint_values}, a box has 4"
        )
    if len(values) >= 6 and len(values) % 2 == 0:
        return PhotoObject(name, polygons=(outline(values, where),))
    raise PhotoError(f"{where} has {len(values)} numbers behind the class; a box has 4, an outline 6, 8, 10 and so on")


def _label_lines(folder: PhotoFolder, file: str) -> list[str]:
    """Return the lines of a text file if they are YOLO's labels, none otherwise."""
    if _is_other_text(file):
        return []
    lines = [line for line in folder.text_if_any(file).splitlines() if line.strip()]
    return lines if lines and _LABEL.fullmatch(lines[0]) else []


def _unused(folder: PhotoFolder, used: set[str]) -> list[Reason]:
    """Return the label files that are of no picture."""
    texts = [file for file in folder.files if file.lower().endswith(".txt") and file not in used]
    counts = {file: len(_label_lines(folder, file)) for file in texts}
    return [Reason(file, "is of no picture that is imported", count) for file, count in counts.items() if count]
