"""What a folder of annotated photos says, in one shape for every format."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from core.errors import BrickbenchError

Box = tuple[float, float, float, float]


class PhotoError(BrickbenchError):
    """A photo that cannot be used; its text is the reason, a clause that goes behind the photo's name."""


@dataclass(frozen=True)
class FrameRle:
    """A mask as COCO's RLE, compressed text or plain run lengths, over `height` x `width` pixels."""

    height: int
    width: int
    counts: str | tuple[int, ...]


@dataclass(frozen=True)
class PhotoObject:
    """One annotated thing. Coordinates are those of the photo's `frame`; all of the outlines may be missing.

    `box_xyxy` is (left, top, right, bottom); a polygon is (x0, y0, x1, y1, …) with three points or more.
    """

    class_name: str
    box_xyxy: Box | None = None
    polygons: tuple[tuple[float, ...], ...] = ()
    rle: FrameRle | None = None


@dataclass(frozen=True)
class AnnotatedPhoto:
    """One photo and what its annotation says of it.

    `file` is relative to the folder that is imported, with forward slashes; `annotation` is the file that speaks of it,
    None if its place in the folder does. `frame` is the (width, height) in which the coordinates are given: (1, 1) for
    shares of the upright picture, None for pixels of the upright picture. `embedded` says that `file` is a LabelMe
    file which holds the picture itself.
    """

    file: str
    annotation: str | None = None
    split: str | None = None
    class_names: tuple[str, ...] = ()
    objects: tuple[PhotoObject, ...] = ()
    frame: tuple[float, float] | None = None
    embedded: bool = False

    def classes(self) -> tuple[str, ...]:
        """Return the distinct class names of the photo and its objects, sorted."""
        return tuple(sorted({*self.class_names, *(thing.class_name for thing in self.objects)}))

    def label_count(self) -> int:
        """Return how many labels an annotation file gives the photo; the name of its folder is none."""
        return len(self.objects) + len(self.class_names) if self.annotation is not None else 0


@dataclass(frozen=True)
class Reason:
    """A file that did not come in, and why: a clause. `labels` counts those that are lost with it."""

    file: str
    reason: str
    labels: int = 0


@dataclass
class Annotations:
    """All that a folder says.

    `set_aside` holds files that should have come in and cannot (damaged, missing, refused), `left_out` those that
    nobody asked for: pictures that no annotation names, labels of no picture. `notes` are whole sentences on what was
    read otherwise than one might think.
    """

    photos: list[AnnotatedPhoto] = field(default_factory=list)
    set_aside: list[Reason] = field(default_factory=list)
    left_out: list[Reason] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def merged(photos: Iterable[AnnotatedPhoto]) -> tuple[list[AnnotatedPhoto], list[Reason]]:
    """Return the photos, each once in each of its splits and with all that its listings say, and what is set aside.

    A photo may be listed twice: under two ids of one file, in two files, in two splits. Listings that speak of pictures
    of different sizes cannot be joined.
    """
    listings: dict[tuple[str, bool], list[AnnotatedPhoto]] = {}
    for photo in photos:
        listings.setdefault((photo.file, photo.embedded), []).append(photo)
    joined, set_aside = [], []
    for same in listings.values():
        frames = {photo.frame for photo in same if photo.frame is not None and photo.objects}
        if len(frames) > 1:
            sizes = " and ".join(sorted(f"{width:g} x {height:g}" for width, height in frames))
            labels = sum(photo.label_count() for photo in same)
            set_aside.append(Reason(same[0].file, f"is listed as two pictures, of {sizes} pixels", labels))
            continue
        whole = replace(
            same[0],
            class_names=tuple(dict.fromkeys(name for photo in same for name in photo.class_names)),
            objects=tuple(dict.fromkeys(thing for photo in same for thing in photo.objects)),
            frame=next(iter(frames), same[0].frame),
        )
        joined += [replace(whole, split=split) for split in dict.fromkeys(photo.split for photo in same)]
    return joined, set_aside
