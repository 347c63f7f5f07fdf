"""What tells copies of a photo: its pixels' hash, a perceptual hash, and a thumbnail to verify by."""

from dataclasses import dataclass

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
from PIL import Image

from core.files import sha256_hex
from dataset.photos.orientation import Pixels

THUMBNAIL_PX = 24  # enough to tell two bricks in the middle of the same table; 1.7 kB a photo


@dataclass(frozen=True)
class Fingerprints:
    """Fingerprints of N photos at their working size.

    `hashes` are perceptual ones, (N,) uint64; `thumbnails` are (N, THUMBNAIL_PX, THUMBNAIL_PX, 3) uint8.
    """

    pixel_hashes: list[str]
    hashes: npt.NDArray[np.uint64]
    thumbnails: Pixels

    def take(self, numbers: list[int]) -> "Fingerprints":
        """Return those of some of the photos."""
        return Fingerprints([self.pixel_hashes[n] for n in numbers], self.hashes[numbers], self.thumbnails[numbers])


def perceptual_hash(pixels: Pixels) -> int:
    """Return the 64 bits of the DCT hash of a picture (H, W, 3) uint8 (imagehash.phash; Zauner 2010)."""
    bits = imagehash.phash(Image.fromarray(pixels)).hash.ravel()
    return int(np.packbits(bits).view(">u8")[0])


def thumbnail(pixels: Pixels) -> Pixels:
    """Return the picture (H, W, 3) squeezed to a small square, whatever its shape."""
    return np.asarray(cv2.resize(pixels, (THUMBNAIL_PX, THUMBNAIL_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def pixel_hash(pixels: Pixels) -> str:
    """Return a hash of the pixels and their shape."""
    return sha256_hex(f"{pixels.shape}".encode() + pixels.tobytes())


def join(parts: list[Fingerprints]) -> Fingerprints:
    """Return all fingerprints as one."""
    return Fingerprints(
        [text for part in parts for text in part.pixel_hashes],
        np.concatenate([part.hashes for part in parts] or [np.zeros(0, np.uint64)]),
        np.concatenate([part.thumbnails for part in parts] or [np.zeros((0, THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)]),
    )
