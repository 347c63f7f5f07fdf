"""Pascal VOC: an XML file a picture, beside it or in ``Annotations``; splits in ``ImageSets/Main``."""

import posixpath
from xml.etree import ElementTree as ET

from dataset.photos.annotation_text import number_in, read_xml, root_name
from dataset.photos.annotations import AnnotatedPhoto, Annotations, PhotoError, PhotoObject, Reason
from dataset.photos.coordinates import outline
from dataset.photos.folder import PICTURE_SUFFIXES, SPLIT_NAMES, PhotoFolder, split_of_path, stem_of

PLACES = ("", "../JPEGImages", "../images", "..", "../../JPEGImages", "../../images")


def fits(folder: PhotoFolder) -> bool:
    """Return whether an XML file is a VOC annotation."""
    return any(root_name(folder, file) == "annotation" for file in folder.ending(".xml"))


def read(folder: PhotoFolder) -> Annotations:
    """Return the photos that have an XML file.

    Corners count from 1 and include the last pixel, as in Everingham et al. 2010 (The Pascal Visual Object Classes
    Challenge): xmin 1, xmax 10 is a box ten pixels wide at the left edge.

    Raises:
        BrickbenchError: a list of a split cannot be read.
    """
    found = Annotations()
    splits = _splits(folder)
    for file in folder.ending(".xml"):
        if root_name(folder, file) != "annotation":
            continue
        objects = 0
        try:
            root = read_xml(folder, file)
            objects = sum(1 for _ in root.iter("object"))
            photo = _read_photo(folder, file, root)
        except PhotoError as error:
            found.set_aside.append(Reason(file, str(error), objects))
            continue
        given: list[str | None] = [*splits.get(stem_of(file), [])] or [split_of_path(file)]
        for split in given:
            found.photos.append(AnnotatedPhoto(photo.file, file, split, (), photo.objects, photo.frame))
    found.left_out = folder.unnamed(found.photos, found.set_aside)
    return found


def _splits(folder: PhotoFolder) -> dict[str, list[str]]:
    """Return the splits of each file stem, from the lists that VOC keeps."""
    splits: dict[str, list[str]] = {}
    for file in folder.ending(".txt"):
        steps = [step.lower() for step in file.split("/")]
        split = SPLIT_NAMES.get(stem_of(file).lower())
        if split is None or "imagesets" not in steps[-3:-1]:
            continue
        for line in folder.lines(file):
            if line.strip():
                splits.setdefault(_listed_stem(line), []).append(split)
    return splits


def _listed_stem(line: str) -> str:
    """Return the stem in a line of a list: some tools write the suffix, or a flag behind the name."""
    name, _, flag = line.strip().rpartition(" ")
    name = posixpath.basename(name.strip() if name and flag in {"1", "-1", "0"} else line.strip())
    return stem_of(name) if name.lower().endswith(PICTURE_SUFFIXES) else name


def _read_photo(folder: PhotoFolder, file: str, root: ET.Element) -> AnnotatedPhoto:
    things = tuple(_read_object(thing) for thing in root.iter("object"))
    sides = [(root.findtext(f"size/{side}") or "").strip() for side in ("width", "height")]
    width, height = (
        number_in(side, f"size/{name}") if side else 0.0 for side, name in zip(sides, ("width", "height"), strict=True)
    )
    frame = (width, height) if width and height else None
    base = posixpath.dirname(file)
    near = [posixpath.join(base, place) for place in PLACES]
    name = (root.findtext("filename") or "").strip()
    try:
        picture = folder.picture_of(name, file, near)
    except PhotoError as error:
        raise PhotoError(
            f"it names {name!r}, which is not there" if "is not there" in str(error) else str(error)
        ) from error
    return AnnotatedPhoto(picture, file, objects=things, frame=frame)


def _read_object(thing: ET.Element) -> PhotoObject:
    """Return an object; without a box and an outline it only says that its class is there."""
    name = (thing.findtext("name") or "").strip()
    if not name:
        raise PhotoError("an object in it has no name")
    box = None
    if thing.find("bndbox") is not None:
        left, top, right, bottom = (
            number_in(thing.findtext(f"bndbox/{side}"), f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")
        )
        box = (left - 1.0, top - 1.0, right, bottom)
    polygons = tuple(outline(_points(polygon), f"its object {name!r}") for polygon in thing.findall("polygon"))
    return PhotoObject(name, box, polygons)


def _points(polygon: ET.Element) -> list[float]:
    """Return the points of an outline, as LabelMe's web tool writes them (pt/x, pt/y) or Roboflow (x1, y1, x2, …)."""
    listed = [point.findtext(side) for point in polygon.findall("pt") for side in ("x", "y")]
    if not listed:
        values = {child.tag: child.text for child in polygon}
        count = sum(tag.startswith("x") for tag in values)
        listed = [values.get(f"{side}{number}") for number in range(1, count + 1) for side in ("x", "y")]
    return [number_in(text, "polygon") for text in listed]
