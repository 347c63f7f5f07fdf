"""A photo with the names of the parts in it beside it."""

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from core.errors import SettingsError
from core.files import atomic_file, require_new
from dataset.photos.decode import decode_photo
from training.label.label_photos import FoundPart, LabelledPhoto
from training.lettering import INK, MUTED, PAPER, RULE, font, shortened

LONGEST_PX, SMALLEST_PX = 1000, 480
PANEL_PX, EDGE_PX, ROW_PX = 400, 24, 48
BAR, BAR_BED = "#0072b2", "#e6eef4"


def picture_paths(files: Sequence[Path], folder: Path, *, force: bool) -> dict[Path, Path]:
    """Return where the picture of each photo goes: ``NAME-parts.jpg`` in `folder`, numbered where names are equal.

    Raises:
        SettingsError: one of them is there and `force` is not given, or it is one of the photos.
    """
    photos = {path.resolve() for path in files}
    taken: set[Path] = set()
    pictures: dict[Path, Path] = {}
    for path in files:
        picture, number = folder / f"{path.stem}-parts.jpg", 1
        while picture in taken:
            number += 1
            picture = folder / f"{path.stem}-parts-{number}.jpg"
        taken.add(picture)
        if picture.resolve() in photos:
            raise SettingsError(f"{picture} is one of the photos: choose another folder with -o.")
        require_new(picture, force=force)
        pictures[path] = picture
    return pictures


def write_labelled_picture(photo: LabelledPhoto, parts: Sequence[FoundPart], path: Path) -> None:
    """Write the photo with the names of `parts` beside it to the JPEG file `path`."""
    picture = Image.fromarray(decode_photo(photo.path.read_bytes(), LONGEST_PX))
    with atomic_file(path) as temporary:
        draw_labelled(picture, photo.path.name, parts).save(temporary, format="JPEG", quality=90)


def draw_labelled(picture: Image.Image, title: str, parts: Sequence[FoundPart]) -> Image.Image:
    """Return `picture` with a panel to its right: `title`, then one row a part with a bar as long as its probability.

    A small picture is enlarged, and the sheet is as high as its list is long: no part is left out.
    """
    scale = max(SMALLEST_PX / max(picture.size), 1.0)
    shown = picture
    if scale > 1:
        shown = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BICUBIC)
    head = EDGE_PX + 56
    height = max(shown.height, head + max(len(parts), 1) * ROW_PX + EDGE_PX)
    sheet = Image.new("RGB", (shown.width + PANEL_PX, height), PAPER)
    sheet.paste(shown, (0, 0))
    draw = ImageDraw.Draw(sheet)
    x, width = shown.width + EDGE_PX, PANEL_PX - 2 * EDGE_PX
    count = f"{len(parts)} part{'' if len(parts) == 1 else 's'} found" if parts else "No part found"
    draw.text((x, EDGE_PX - 6), count, INK, font(20, bold=True))
    draw.text((x, EDGE_PX + 22), shortened(title, font(13), width), MUTED, font(13))
    draw.line((x, EDGE_PX + 46, x + width, EDGE_PX + 46), RULE, 1)
    for number, part in enumerate(parts):
        _draw_part(draw, part, x, head + number * ROW_PX, width)
    return sheet


def _draw_part(draw: ImageDraw.ImageDraw, part: FoundPart, x: int, y: int, width: int) -> None:
    percent = ">99 %" if part.probability > 0.99 else f"{100 * part.probability:.0f} %"  # a network is never sure
    draw.text((x + width, y), percent, INK, font(15), anchor="ra")
    room = width - font(15).getlength(percent) - 16
    number = part.part_id if part.name else ""
    name = shortened(part.name or part.part_id, font(15), room - font(13).getlength(f" {number}") - 4)
    draw.text((x, y), name, INK, font(15))
    draw.text((x + font(15).getlength(name) + 8, y + 2), number, MUTED, font(13))
    draw.rectangle((x, y + 24, x + width, y + 29), BAR_BED)
    draw.rectangle((x, y + 24, x + max(round(width * part.probability), 1), y + 29), BAR)
