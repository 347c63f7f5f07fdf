"""Copies of the same photo among many, by their fingerprints: equal pixels, or pictures that look the same."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import imagehash
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from PIL import Image

from core.files import sha256_hex
from core.progress import Progress
from dataset.photos.orientation import Pixels

Pairs = npt.NDArray[np.int64]

THUMBNAIL_PX = 24  # enough to tell two bricks in the middle of the same table; 1.7 kB a photo
# Chosen on 240 phone photos of bricks and on copies made of 120 of them; not tried on others. The likeliest pairs
# within 20 bits are at 0.98 and 0.94 (by eye the same bricks taken twice), then 0.89 (one brick moved) and less.
# Copies by JPEG at quality 30, half size, other exposure or gamma stay above 0.99; of those cropped by 3 % on each
# side nine in ten are found, of those that lost 8 % on two sides one in twelve.
LIKENESS = 0.9
BLOCK = 256  # photos compared with all others at once: 100 MB for 100,000


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


def print_of(pixels: Pixels) -> dict[str, Any]:
    """Return the fingerprint of a picture as the columns of a table: pixel_hash, hash and thumbnail."""
    return {
        "pixel_hash": pixel_hash(pixels),
        "hash": perceptual_hash(pixels),
        "thumbnail": thumbnail(pixels).tobytes(),
    }


def fingerprints_of(table: pa.Table) -> Fingerprints:
    """Return the fingerprints in a table with the columns of `print_of`."""
    thumbnails = np.frombuffer(b"".join(table["thumbnail"].to_pylist()), dtype=np.uint8)
    return Fingerprints(
        table["pixel_hash"].to_pylist(),
        np.asarray(table["hash"], dtype=np.uint64),
        thumbnails.reshape(-1, THUMBNAIL_PX, THUMBNAIL_PX, 3),
    )


def join(parts: list[Fingerprints]) -> Fingerprints:
    """Return all fingerprints as one."""
    return Fingerprints(
        [text for part in parts for text in part.pixel_hashes],
        np.concatenate([part.hashes for part in parts] or [np.zeros(0, np.uint64)]),
        np.concatenate([part.thumbnails for part in parts] or [np.zeros((0, THUMBNAIL_PX, THUMBNAIL_PX, 3), np.uint8)]),
    )


def find_duplicates(prints: Fingerprints, distance: int, first_new: int = 0) -> Pairs:
    """Return the pairs (P, 2) int64 of photos that are copies of each other, the smaller number first.

    Two photos are copies where their pixels are equal, or where their perceptual hashes differ in at most `distance`
    bits and their thumbnails agree as well (`likeness`): hashes alone also pair different bricks on one plain table.

    Args:
        prints: fingerprints of N photos.
        distance: Hamming distance of 0 to 64 bits.
        first_new: photos before this number are known among themselves; pairs of two of them are not looked for.
    """
    blocks = near_pairs(prints.hashes, distance, first_new)
    near = [pairs[likeness(prints.thumbnails, pairs) >= LIKENESS] for pairs in blocks]
    return np.asarray(np.unique(np.concatenate([equal_pairs(prints.pixel_hashes, first_new), *near]), axis=0))


def equal_pairs(texts: list[str], first_new: int = 0) -> Pairs:
    """Return pairs (P, 2) that connect all photos of the same text, of which the second is new."""
    numbers_of: dict[str, list[int]] = defaultdict(list)
    for number, text in enumerate(texts):
        numbers_of[text].append(number)
    pairs = [(same[0], number) for same in numbers_of.values() for number in same[1:] if number >= first_new]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def near_pairs(hashes: npt.NDArray[np.uint64], distance: int, first_new: int = 0) -> Iterator[Pairs]:
    """Yield all pairs of hashes (N,) within `distance` bits, of which one is new at least, as (P, 2) block by block.

    The product of two rows of signs +1 and -1 is 64 - 2 times the number of bits that differ, exact in float32, and a
    matrix product is the fastest way to count bits that numpy has: 23 CPU-seconds for all pairs of 100,000.
    """
    bits = np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1)
    signs = bits.astype(np.float32) * 2.0 - 1.0  # (N, 64)
    count = len(hashes)
    if first_new >= count:
        return
    with Progress("Compare", count - first_new, "photos") as progress:
        for start in range(first_new, count, BLOCK):
            block = signs[start : start + BLOCK]
            second, first = np.nonzero(block @ signs[: start + len(block)].T >= 64 - 2 * distance)
            second += start
            yield np.stack([first, second], axis=1)[first < second]
            progress.advance(len(block))


def likeness(thumbnails: npt.NDArray[np.uint8], pairs: Pairs) -> npt.NDArray[np.float64]:
    """Return how alike the thumbnails (N, H, W, 3) of pairs are, (P,) in [-1, 1]: their correlation over all channels.

    It does not mind another exposure or contrast, but bricks of another colour. Two plain pictures are alike.
    """
    alike = [np.zeros(0)]
    for start in range(0, len(pairs), BLOCK):
        one, other = (_standardized(thumbnails[side]) for side in pairs[start : start + BLOCK].T)
        alike.append(np.einsum("pv,pv->p", one, other))
    return np.concatenate(alike)


def _standardized(thumbnails: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return the thumbnails as rows of mean 0 and length 1."""
    rows = thumbnails.reshape(len(thumbnails), -1).astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    rows[:, 0] += 1.0  # a plain picture has no direction of its own; gives all of them the same
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def join_pairs(count: int, pairs: Iterable[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """Return the group of each of `count` photos, (count,): the smallest number that pairs connect it with."""
    parent = np.arange(count)

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = int(parent[number])
        return number

    for first, second in pairs:
        one, other = sorted((root(first), root(second)))
        parent[other] = one
    return np.array([root(number) for number in range(count)], dtype=np.int64)
