"""The pictures of textures as prints of a part."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from blender_assets.ldraw.lines import LDrawError
from blender_assets.prints import Print, join_prints


def print_of(pictures: NDArray[np.object_], uv: NDArray[np.float32]) -> Print | None:
    """Return the prints of faces with these pictures (F,) at these places in them, (F, 3, 2); None without any."""
    if not any(picture is not None for picture in pictures):
        return None
    order = np.argsort([str(picture or "") for picture in pictures], kind="stable")
    pieces: list[tuple[int, Print | None]] = []
    for file, faces in itertools.groupby(order.tolist(), key=lambda face: pictures[face]):
        here = uv[list(faces)]
        pieces.append((len(here), None if file is None else Print(_read_picture(file), here, repeats=False)))
    joined = join_prints(pieces)
    assert joined is not None
    return replace(joined, uv=joined.uv[np.argsort(order)])


def _read_picture(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as picture:
            return np.asarray(picture.convert("RGBA"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise LDrawError(f"The picture {path} cannot be read: {error}.") from error
