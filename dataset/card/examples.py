"""Example pictures of a card: chosen by a seed, with masks or boxes drawn in."""

import base64
from dataclasses import dataclass

import cv2
import numpy as np

from core.seeding import generator
from dataset.dataset_folder import DatasetFolder
from dataset.masks import decode_mask
from dataset.pictures import Image, encode_jpeg, read_picture

COUNT = 8
SIZE_PX = 320
_COLUMNS = 4
# Those of the page in dataset/browse: apart in hue, bright enough for any ground.
TINTS = (
    "ff5a36", "21a1ff", "2fc45a", "ffc21a", "c066ff", "14c8c0",
    "ff5fa8", "9bcf1f", "6f7dff", "ff9340", "4fe3a1", "e254e6",
)  # fmt: skip
_COVER = 0.4
_QUALITY = 86


@dataclass(frozen=True)
class Example:
    """One picture as the card shows it."""

    image_id: str
    labels: str
    """Names of its labels."""
    image: Image
    """(h, w, 3) RGB with a longer side of `SIZE_PX`, masks drawn in."""

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/jpeg;base64,{base64.b64encode(encode_jpeg(self.image, _QUALITY)).decode()}"


def choose_examples(dataset: DatasetFolder, seed: int, count: int = COUNT) -> list[Example]:
    """Return up to `count` pictures drawn by `seed`, as many photos as renders where there are both; no twins.

    Raises:
        BrickbenchError: a picture is missing or damaged.
    """
    chosen: list[Example] = []
    with dataset.index() as index:
        ids: dict[str, list[str]] = {"synthetic": [], "real": []}
        rows = index.execute("SELECT source, image_id FROM images WHERE twin_of IS NULL ORDER BY image_id").fetchall()
        for source, image_id in rows:
            ids[source].append(image_id)
        photos = min(len(ids["real"]), max(count // 2, count - len(ids["synthetic"])))
        number_of = {"synthetic": min(count - photos, len(ids["synthetic"])), "real": photos}
        rng = generator(seed)
        for source, number in number_of.items():
            places = rng.choice(max(len(ids[source]), 1), size=number, replace=False)
            for row in np.sort(places).tolist():
                image_id = ids[source][row]
                (picture,) = index.execute(
                    "SELECT file, content_hash, width, height FROM images WHERE image_id = ?", [image_id]
                ).fetchall()
                bricks = index.execute(
                    "SELECT class_index, visible_rle, box_xywh_px FROM instances JOIN parts USING (part_id) "
                    "WHERE image_id = ? ORDER BY instance_id",
                    [image_id],
                ).fetchall()
                labels = index.execute(
                    "SELECT name FROM labels JOIN parts USING (part_id) WHERE image_id = ? ORDER BY class_index",
                    [image_id],
                ).fetchall()
                image = _drawn(read_picture(dataset.root, *picture), bricks)
                chosen.append(Example(image_id, ", ".join(name for (name,) in labels) or "no label", image))
    return chosen


def contact_sheet(examples: list[Example]) -> bytes:
    """Return the examples side by side as a JPEG."""
    rows = -(-len(examples) // _COLUMNS)
    sheet = np.full((rows * SIZE_PX, _COLUMNS * SIZE_PX, 3), 255, dtype=np.uint8)
    for number, example in enumerate(examples):
        height, width = example.image.shape[:2]
        top = number // _COLUMNS * SIZE_PX + (SIZE_PX - height) // 2
        left = number % _COLUMNS * SIZE_PX + (SIZE_PX - width) // 2
        sheet[top : top + height, left : left + width] = example.image
    return encode_jpeg(sheet, _QUALITY)


def _drawn(picture: Image, bricks: list[tuple[int, str | None, list[int]]]) -> Image:
    """Return `picture` (H, W, 3) scaled to `SIZE_PX`, with each brick's mask or else its box in its part's tint."""
    height, width = picture.shape[:2]
    factor = SIZE_PX / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    drawn = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    for class_index, rle, (left, top, box_width, box_height) in bricks:
        tint = tuple(bytes.fromhex(TINTS[class_index % len(TINTS)]))
        if rle is None:
            corners = [
                (round(x * factor), round(y * factor)) for x, y in ((left, top), (left + box_width, top + box_height))
            ]
            cv2.rectangle(drawn, corners[0], corners[1], tint, 2, cv2.LINE_AA)
            continue
        mask = (
            cv2.resize(decode_mask(rle, height, width).astype(np.float32), size, interpolation=cv2.INTER_LINEAR) >= 0.5
        )
        drawn[mask] = np.round(drawn[mask] * (1 - _COVER) + np.array(tint) * _COVER).astype(np.uint8)
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(drawn, outlines, -1, tint, 1, cv2.LINE_AA)
    return np.asarray(drawn, dtype=np.uint8)
