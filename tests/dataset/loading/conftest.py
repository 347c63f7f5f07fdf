"""Fixtures of the tests of loading."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def floors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with three pictures of floors."""
    folder = tmp_path_factory.mktemp("floors")
    for number in range(3):
        noise = np.random.default_rng(number).integers(60, 200, size=(90, 120, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), cv2.GaussianBlur(noise, (0, 0), 2))
    return folder
