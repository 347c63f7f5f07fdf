"""Pascal VOC: an XML file a picture, beside it or in ``Annotations``; splits in ``ImageSets/Main``."""

import posixpath
from xml.etree import ElementTree as ET

from dataset.photos.annotations import AnnotatedPhoto, Annotations, PhotoError, PhotoObject, Reason
from dataset.photos.folder import PICTURE_SUFFIXES, PhotoFolder, split_of_path

SPLITS = ("train", "val", "test")
PLACES = ("", "../JPEGImages", "../images", "..", "../../JPEGImages", "../../images")


def fits(folder: PhotoFolder) -> bool:
    """Return whether an XML file is a VOC annotation."""
    return any("<annotation" in _start(folder, file) for file in folder.ending(".xml"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that have an XML file.

    Corners count from 1 and include the last pixel, as in Everingham et al. 2010 (The Pascal Visual Object Classes
    Challenge): xmin 1, xmax 10 is a box ten pixels wide at the left edge.
    """
    found = Annotations()
    splits = _splits(folder)
    for file in folder.ending(".xml"):
        if "<annotation" not in _start(folder, file):
            continue
        stem = posixpath.splitext(posixpath.basename(file))[0]
        try:
            photo = _read_file(folder, file)
        except PhotoError as error:
            found.set_aside.append(Reason(file, str(error)))
            continue
        given: list[str | None] = [*splits.get(stem, [])] or [split_of_path(file)]
        for split in given:
            found.photos.append(AnnotatedPhoto(photo.file, file, split, (), photo.objects, photo.frame))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _start(folder: PhotoFolder, file: str) -> str:
    with (folder.root / file).open("rb") as stream:
        return stream.read(4096).decode("utf-8", errors="replace")


def _splits(folder: PhotoFolder) -> dict[str, list[str]]:
    """Return the splits of each file stem, from the lists that VOC keeps."""
    splits: dict[str, list[str]] = {}
    for file in folder.ending(".txt"):
        place, name = posixpath.split(file)
        split = posixpath.splitext(name)[0]
        if posixpath.basename(posixpath.dirname(place)) != "ImageSets" and posixpath.basename(place) != "ImageSets":
            continue
        if split in SPLITS:
            for line in folder.read_text(file).splitlines():
                splits.setdefault(line.strip(), []).append(split)
    return splits


def _read_file(folder: PhotoFolder, file: str) -> AnnotatedPhoto:
    try:
        root = ET.fromstring(folder.read_text(file))
    except (ET.ParseError, ValueError) as error:
        raise PhotoError(f"it is no valid XML: {error}") from error
    things = tuple(_read_object(thing) for thing in root.iter("object"))
    width, height = (_number(root, f"size/{side}", 0.0) for side in ("width", "height"))
    frame = (width, height) if width and height else None
    return AnnotatedPhoto(_find_picture(folder, file, root), file, objects=things, frame=frame)


def _find_picture(folder: PhotoFolder, file: str, root: ET.Element) -> str:
    base = posixpath.dirname(file)
    near = [posixpath.join(base, place) for place in PLACES]
    stem = posixpath.splitext(posixpath.basename(file))[0]
    name = (root.findtext("filename") or "").strip()
    try:
        if name:
            return folder.find(name, file, near)
    except PhotoError as error:
        if "outside" in str(error):
            raise
    # Renamed pictures keep their XML file's stem, and some tools write no suffix.
    for suffix in PICTURE_SUFFIXES:
        try:
            return folder.find(stem + suffix, file, near)
        except PhotoError:
            continue
    raise PhotoError(f"it names {name!r}, which is not there")


def _read_object(thing: ET.Element) -> PhotoObject:
    name = (thing.findtext("name") or "").strip()
    if not name:
        raise PhotoError("an object in it has no name")
    if thing.find("bndbox") is None:
        raise PhotoError(f"its object {name!r} has no box")
    left, top, right, bottom = (_number(thing, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    return PhotoObject(name, (left - 1.0, top - 1.0, right, bottom))


def _number(element: ET.Element, path: str, default: float | None = None) -> float:
    text = element.findtext(path)
    if text is None and default is not None:
        return default
    try:
        return float(text or "")
    except ValueError as error:
        raise PhotoError(f"its {path} should be a number, it is {text!r}") from error
