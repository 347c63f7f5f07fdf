"""What a folder of annotated photos says, in one shape for every format."""

from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Reason:
    """A file that did not come in, and why: a clause."""

    file: str
    reason: str


@dataclass
class Annotations:
    """All that a folder says.

    `set_aside` holds files that should have come in and cannot (damaged, missing, refused), `left_out` those that
    nobody asked for (no annotation names them).
    """

    photos: list[AnnotatedPhoto] = field(default_factory=list)
    set_aside: list[Reason] = field(default_factory=list)
    left_out: list[Reason] = field(default_factory=list)
