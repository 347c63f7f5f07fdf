"""Reading a picture: only what the index knows, from where the index may point, decoded to its recorded size."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import BrickbenchError
from core.files import sha256_hex
from dataset.pictures import read_picture


def stored(path: Path, image: np.ndarray) -> str:
    """Write an RGB picture and return the hash of its file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image[..., ::-1])[1].tobytes())
    return sha256_hex(path.read_bytes())


def picture(height: int = 24, width: int = 40) -> np.ndarray:
    image = np.zeros((height, width, 3), dtype=np.uint8)
    image[:, : width // 2] = (200, 30, 60)
    return image


def test_a_stored_file_comes_back_as_it_is(tmp_path: Path) -> None:
    digest = stored(tmp_path / "shards/000000/images/a.png", picture())
    image = read_picture(tmp_path, "shards/000000/images/a.png", digest, 40, 24)
    np.testing.assert_array_equal(image, picture())


def test_a_photo_left_in_place_comes_at_its_working_size(tmp_path: Path) -> None:
    digest = stored(tmp_path / "album/big.png", picture(240, 400))
    image = read_picture(tmp_path / "data", str(tmp_path / "album/big.png"), digest, 40, 24)
    assert image.shape == (24, 40, 3)
    np.testing.assert_array_equal(image[5, 5], (200, 30, 60))


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("shards/../../secret.png", "its name leads out of the dataset"),
        ("shards/none.png", "No such file or directory"),
        ("altered.png", "its content is not what the index says"),
        ("small.png", "it is 40 x 24 pixels, recorded are 32 x 32"),
    ],
)
def test_what_cannot_be_used_is_told(tmp_path: Path, file: str, what: str) -> None:
    digest = stored(tmp_path / "small.png", picture())
    stored(tmp_path / "altered.png", picture(8, 8))
    stored(tmp_path / "secret.png", picture())
    root = tmp_path
    with pytest.raises(BrickbenchError) as caught:
        read_picture(root, file, digest, 32, 32)
    assert str(caught.value) == (
        f"The image {root / file} is damaged or missing: {what}. "
        f"Run `brickbench dataset check {root}` to see what is wrong and how to mend it."
    )


def test_a_photo_in_place_that_is_no_picture_is_told_by_name(tmp_path: Path) -> None:
    path = tmp_path / "note.jpg"
    path.write_bytes(b"dear diary")
    with pytest.raises(
        BrickbenchError, match=rf"^The image {path} is damaged or missing: .*\. Run `brickbench dataset"
    ):
        read_picture(tmp_path / "data", str(path), sha256_hex(b"dear diary"), 32, 32)
