"""Files of pictures as the browser gets them: whole, or as thumbnails; nothing else of the disk."""

from pathlib import Path, PurePosixPath

import cv2
import numpy as np

from core.errors import BrickbenchError
from dataset.browse.snapshot import Tile
from dataset.pictures import Image, damaged_picture, decode, encode_jpeg, read_bytes, read_picture
from dataset.shards import SHARDS_FOLDER

THUMBNAIL_PX = 320  # sharp at 160 CSS pixels on a screen of double density
_THUMBNAIL_QUALITY, _PICTURE_QUALITY = 82, 95
# A JPEG is decoded at an eighth, a quarter or half of its size in a fraction of the time.
_REDUCED = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
_SIGNATURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png", b"RIFF": "image/webp"}


def thumbnail(root: Path, picture: Tile) -> bytes:
    """Return a picture as JPEG with a longer side of at most `THUMBNAIL_PX`.

    Raises:
        BrickbenchError: its file may not be read, is missing, or is not what the index says.
    """
    longest = max(picture.width, picture.height)
    if _require_inside(root, picture) is None:
        image = _photo(root, picture, min(longest, THUMBNAIL_PX))
    elif longest < 2 * THUMBNAIL_PX:
        image = read_picture(root, picture.file, picture.content_hash, picture.width, picture.height)
    else:
        data = read_bytes(root, picture.file, picture.content_hash)
        flag = next(flag for factor, flag in _REDUCED.items() if longest >= factor * THUMBNAIL_PX)
        reduced = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flag)
        if reduced is None:
            raise damaged_picture(root, picture.file, "it is no image")
        image = np.asarray(cv2.cvtColor(reduced, cv2.COLOR_BGR2RGB), dtype=np.uint8)
    factor = THUMBNAIL_PX / longest
    if factor < 1:
        size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
        image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return encode_jpeg(image, _THUMBNAIL_QUALITY)


def whole_picture(root: Path, picture: Tile) -> tuple[bytes, str]:
    """Return a picture in full size and its media type: its own bytes, or a JPEG of a photo that lies elsewhere.

    A photo that is used in place is never sent as it is: it is shown upright, at its working size, and a file that
    is no picture cannot get out.

    Raises:
        BrickbenchError: as `thumbnail`.
    """
    if _require_inside(root, picture) is None:
        return encode_jpeg(_photo(root, picture, max(picture.width, picture.height)), _PICTURE_QUALITY), "image/jpeg"
    data = read_bytes(root, picture.file, picture.content_hash)
    kind = next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)
    if kind is None:
        raise damaged_picture(root, picture.file, "it is no image")
    return data, kind


def _require_inside(root: Path, picture: Tile) -> Path | None:
    """Return the path of a stored picture, None for a photo used in place; raise for any other file.

    An index may come from someone else, so what it says of files is not believed.
    """
    name = PurePosixPath(picture.file)
    if name.is_absolute() and picture.source == "real":
        return None
    path = root / name
    if name.is_absolute() or not path.resolve().is_relative_to((root / SHARDS_FOLDER).resolve()):
        raise BrickbenchError(
            f"The index names the file {picture.file!r} for {picture.image_id}, which is not among the shards of the "
            f"dataset. Run `brickbench dataset index --rebuild {root}`."
        )
    return path


def _photo(root: Path, picture: Tile, longest_side_px: int) -> Image:
    """Return the photo in an absolute file, upright and no larger than is wanted."""
    data = read_bytes(root, picture.file, picture.content_hash)
    try:
        photo = decode(data, picture.file, longest_side_px)
    except BrickbenchError as error:
        raise damaged_picture(root, picture.file, str(error)) from error
    assert photo is not None  # a photo that cannot be decoded raises
    return photo
