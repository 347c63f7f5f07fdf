"""Bricks cut out of a render and laid on another floor."""

from pathlib import Path
from typing import Any

import albumentations
import cv2
import numpy as np
import numpy.typing as npt

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.pictures import Image

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MOST_BACKGROUNDS = 256  # held in memory by every process; 60 MB at 224 px
_ROTATIONS = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE)
_LARGER = 1.25  # a cut of a background is smaller than the whole by up to this


class Backgrounds:
    """Squares from the middle of a folder's pictures, in memory: `images`, (N, side, side, 3) uint8 RGB."""

    def __init__(self, folder: Path, size_px: int) -> None:
        """Read at most 256 pictures of `folder` and the folders in it, evenly by name, for pictures of `size_px`.

        Raises:
            BrickbenchError: there is no picture, or one cannot be read.
        """
        side = round(size_px * _LARGER)
        self.images = np.stack([_middle(file, side) for file in _chosen_files(folder)])


def digest_of_backgrounds(folder: Path) -> str:
    """Return 12 hexadecimal digits that differ whenever a picture that `Backgrounds` takes from `folder` differs.

    Raises:
        BrickbenchError: there is no picture.
    """
    hashes = "".join(sha256_hex(file.read_bytes()) for file in _chosen_files(folder))
    return sha256_hex(hashes.encode())[:12]


class PasteOnBackground(albumentations.ImageOnlyTransform):  # type: ignore[misc]
    """Puts everything outside the mask behind bricks: another floor, as bright as the old one, with shadows on it.

    Pixels of bricks stay as they are. A soft edge of one pixel lies outside of them, and the floor is darkened where
    bricks stand on it: without a shadow they seem to float. Without a mask, or with an empty one, nothing changes.
    """

    def __init__(self, backgrounds: Backgrounds, p: float) -> None:
        """Take the floors, and the share of pictures that get one."""
        super().__init__(p=p)
        self._backgrounds = backgrounds.images

    @property
    def targets_as_params(self) -> list[str]:
        """What a call must bring: the picture, and ``mask`` (H, W), not 0 where there is a brick."""
        return ["image", "mask"]

    def get_params_dependent_on_data(self, params: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Return ``bricks`` (H, W) uint8 of 0 and 1, the ``floor`` (H, W, 3) uint8 and how its shadows fall."""
        del params
        mask, numbers = data["mask"], self.random_generator
        if mask is None or not mask.any():
            return {"bricks": None}
        height, width = mask.shape
        whole = self._backgrounds[numbers.integers(len(self._backgrounds))]
        side = round(len(whole) * numbers.uniform(1 / _LARGER, 1.0))
        top, left = numbers.integers(0, len(whole) - side + 1, size=2)
        floor = cv2.resize(whole[top : top + side, left : left + side], (width, height))
        mirrored, rotation = numbers.random() < 0.5, (None, *_ROTATIONS)[numbers.integers(4)]
        floor = cv2.flip(floor, 1) if mirrored else floor
        if rotation is not None and (height == width or rotation == cv2.ROTATE_180):
            floor = cv2.rotate(floor, rotation)
        shift = numbers.uniform(-0.02, 0.02, size=2)
        return {
            "bricks": (mask > 0).view(np.uint8),
            "floor": floor,
            "shift": shift,
            "strength": numbers.uniform(0.3, 0.6),
        }

    def apply(
        self,
        img: Image,
        bricks: Image | None,
        floor: Image | None = None,
        shift: npt.NDArray[np.float64] | None = None,
        strength: float = 0.0,
        **params: Any,
    ) -> Image:
        """Return the picture with the floor behind its bricks."""
        del params
        if bricks is None or floor is None or shift is None:
            return img
        light = _matching_gain(img, floor, bricks) * (1 - strength * _shade(bricks, shift))
        result = cv2.multiply(floor, cv2.merge([cv2.resize(light, img.shape[1::-1])] * 3), dtype=cv2.CV_8U)
        # The outermost pixels of a brick's edge hold a little of the old floor: of what lies just outside some stays.
        edge = cv2.GaussianBlur(bricks * np.uint8(255), (3, 3), 0)
        rows, columns = np.nonzero((edge > 0) & (bricks == 0))
        share = 0.5 / 255 * edge[rows, columns, None].astype(np.float32)
        mixed = result[rows, columns] + share * (img[rows, columns].astype(np.float32) - result[rows, columns])
        result[rows, columns] = np.rint(mixed).astype(np.uint8)
        return np.asarray(cv2.copyTo(img, bricks, result), dtype=np.uint8)


def _shade(bricks: Image, shift: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return how dark the floor is, 0 to 1, at a quarter of the resolution: a tight and a wide shadow of the bricks."""
    height, width = (max(side // 4, 1) for side in bricks.shape)
    shape = cv2.resize(bricks.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    tight = cv2.GaussianBlur(shape, (3, 3), 0)
    move = np.array([[1.0, 0.0, shift[0] * width], [0.0, 1.0, shift[1] * height]])
    wide = cv2.GaussianBlur(cv2.warpAffine(shape, move, (width, height)), (0, 0), 0.025 * width)
    return np.maximum(tight, wide)


def _matching_gain(image: Image, floor: Image, bricks: Image) -> float:
    """Return the factor that brings a floor half of the way to the brightness of the picture's own."""
    own = sum(cv2.mean(image, 1 - bricks))
    other = sum(cv2.mean(floor))
    return float(np.clip(np.sqrt((own + 1.0) / (other + 1.0)), 0.6, 1.6))


def _chosen_files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not files:
        raise BrickbenchError(
            f"The folder of backgrounds {folder} holds no picture ({', '.join(sorted(SUFFIXES))}): put pictures of "
            "floors without bricks in it, or leave backgrounds out."
        )
    step = max(len(files) / MOST_BACKGROUNDS, 1.0)
    return [files[int(place * step)] for place in range(min(len(files), MOST_BACKGROUNDS))]


def _middle(file: Path, side: int) -> Image:
    image = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB)  # upright by its EXIF data
    if image is None:
        raise BrickbenchError(f"The background {file} cannot be read as a picture: delete it, or save it anew.")
    height, width = image.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    square = image[top : top + short, left : left + short]
    interpolation = cv2.INTER_AREA if short > side else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(square, (side, side), interpolation=interpolation), dtype=np.uint8)
