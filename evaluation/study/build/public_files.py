"""Pictures under names that tell nothing, all of one size in bytes, without metadata."""

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path

import cv2

from core.files import sha256_hex
from explain.draw import Picture

ENDING = ".jpg"
QUALITY = 92
"""JPEG's, with colour at full resolution. At 448 px the largest picture of the demo takes 49 kB, as PNG some 140 kB: it
is on a phone at once, and one file holds a study offline."""
MODIFIED_S = 946_684_800
"""The time of change of every file: the first second of the year 2000."""
_NAME_DIGITS = 24
_END = b"\xff\xd9"


class Namer:
    """Gives names from a key: the same each time, and not to be told by who lacks the key."""

    def __init__(self, secret: bytes) -> None:
        """Take the key: hash what participants can never have, such as the raw maps."""
        self._secret = secret

    def name(self, *what: object, digits: int = _NAME_DIGITS) -> str:
        """Return the name of `what` in hexadecimal `digits`."""
        text = "/".join(map(str, what))
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()[:digits]


def write_pictures(folder: Path, pictures: Mapping[str, bytes]) -> None:
    """Write JPEG files (by `encode`) into `folder`, all as long as the longest, with one time of change.

    A shorter one is filled up before its end marker with bytes 0xFF, which any JPEG marker may have before it (ITU-T
    T.81, B.1.1.2): no decoder sees them. Who counts them learns how well a picture compresses, which its pixels tell as
    well: grain that evens it out had to be 3 to 10 grey levels strong, to be seen. Files are made in the order of their
    names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    length = max((len(data) for data in pictures.values()), default=0)
    for name, data in sorted(pictures.items()):
        path = folder / name
        path.write_bytes(data[: -len(_END)] + b"\xff" * (length - len(data)) + _END)
        os.utime(path, (MODIFIED_S, MODIFIED_S))


def encode(picture: Picture) -> bytes:
    """Return `picture` (H, W, 3) uint8 RGB as the bytes of a JPEG file without metadata."""
    options = [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    options += [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    assert data.endswith(_END)
    return bytes(data)


def folder_digest(folder: Path) -> str:
    """Return the SHA-256 over names and contents of the files in `folder`."""
    lines = [f"{path.name} {sha256_hex(path.read_bytes())}\n" for path in sorted(folder.iterdir())]
    return sha256_hex("".join(lines).encode())
