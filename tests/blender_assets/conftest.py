"""What tests of part families share."""

from collections.abc import Callable

import pytest
from manifold3d import Manifold

from blender_assets.catalogue import load_catalogue


@pytest.fixture(scope="session")
def solid() -> Callable[[str], Manifold]:
    """Return ``solid(part_id)``: the solid of a built-in part."""

    def build(part_id: str) -> Manifold:
        made = load_catalogue()[part_id].build()
        assert isinstance(made, Manifold)
        return made

    return build


@pytest.fixture(scope="session")
def islands(solid: Callable[[str], Manifold]) -> Callable[[str, float], int]:
    """Return ``islands(part_id, z_mm)``: into how many pieces a level cut at this height falls."""

    def count(part_id: str, z_mm: float) -> int:
        return len(solid(part_id).slice(z_mm).decompose())

    return count
