"""The one way to read a picture of a dataset: checked against its hash, then decoded."""

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError
from core.files import sha256_hex

Image = npt.NDArray[np.uint8]


def read_picture(root: Path, file: str, content_hash: str, width: int, height: int) -> Image:
    """Return a picture (height, width, 3) uint8 RGB of the dataset `root`, as `decode` gives it.

    SHA-256 in hexadecimal, width and height in pixels are those that the index has.

    Raises:
        BrickbenchError: the file is missing, or is not the one that the index knows.
    """
    data = read_bytes(root, file, content_hash)
    try:
        image = decode(data, file, max(width, height))
    except BrickbenchError as error:
        raise damaged_picture(root, file, str(error)) from error
    if image is None:
        raise damaged_picture(root, file, "it is no image")
    if image.shape[:2] != (height, width):
        size = f"{image.shape[1]} x {image.shape[0]}"
        raise damaged_picture(root, file, f"it is {size} pixels, recorded are {width} x {height}")
    return image


def read_bytes(root: Path, file: str, content_hash: str) -> bytes:
    """Return the bytes of a picture's file, if they are those that the index knows.

    Raises:
        BrickbenchError: they are not, or the file is missing.
    """
    if ".." in Path(file).parts:
        raise damaged_picture(root, file, "its name leads out of the dataset")
    try:
        data = (root / file).read_bytes()  # an absolute file stays what it is
    except OSError as error:
        raise damaged_picture(root, file, error.strerror or str(error)) from error
    # Decoders return a damaged JPEG or WebP half grey without a word; the hash costs 0.06 ms for 100 kB.
    if sha256_hex(data) != content_hash:
        raise damaged_picture(root, file, "its content is not what the index says")
    return data


def decode(data: bytes, file: str, longest_side_px: int) -> Image | None:
    """Return the picture in the bytes of a file, (H, W, 3) uint8 RGB; None if they are no picture.

    One that is not stored in the dataset, whose `file` is absolute, is a photo that was left where it is: it is turned
    upright, brought to sRGB and to a longest side of at most `longest_side_px`; raises PhotoError if it cannot be.
    """
    if Path(file).is_absolute():
        from dataset.photos.decode import decode_photo  # loads Pillow's colour management, which renders do without

        return decode_photo(data, longest_side_px)
    image = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def encode_jpeg(image: Image, quality: int) -> bytes:
    """Return a picture (H, W, 3) uint8 RGB as a JPEG file."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise BrickbenchError("A picture could not be encoded as JPEG. Report this with the picture.")
    return bytes(data)


def damaged_picture(root: Path, file: str, what: str) -> BrickbenchError:
    """Return the error for a picture that cannot be used, with the way out."""
    return BrickbenchError(
        f"The image {root / file} is damaged or missing: {what}. "
        f"Run `brickbench dataset check {root}` to see what is wrong and how to mend it."
    )
