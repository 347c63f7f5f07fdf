"""Drawn surfaces: seamless, true in scale, the same each time; how they are kept and reduced."""

from pathlib import Path

import numpy as np
import pytest

from core.cache_folder import cache_folder
from render.sheets import SIZES_MM
from render.textures import registry
from render.textures.canvas import Canvas, ramp, to_line
from render.textures.hard import TILE_SIZES_MM
from render.textures.maps import Drawing, Maps, maps_of, reduced

SHEETS = ("paper", "print")
PATTERNS = [key for key in registry.SURFACES if key[0] not in SHEETS]
SAMPLED = [("wood", "staves"), ("tiles", "glazed"), ("cloth", "tablecloth"), ("carpet", "melange")]
"""`make test-slow` looks at all."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BRICKBENCH_CACHE", str(tmp_path / "kept"))
    return tmp_path / "kept"


def assert_seamless(maps: Maps) -> None:
    """Fail if the step over a border is larger than steps inside ever are, along either axis."""
    both = np.concatenate([maps.blend, maps.normal], axis=-1).astype(float)
    for axis in (0, 1):
        steps = np.abs(np.diff(both, axis=axis, append=both.take([0], axis=axis))).mean(axis=(1 - axis, 2))
        assert steps[-1] <= 1.3 * steps[:-1].max() + 0.5


@pytest.mark.parametrize("key", SAMPLED)
def test_patterns_are_seamless(key: tuple[str, str]) -> None:
    assert_seamless(registry.draw(*key, 0))


@pytest.mark.slow
@pytest.mark.parametrize("key", PATTERNS)
def test_every_variant_of_every_pattern_is_seamless(key: tuple[str, str]) -> None:
    for variant in range(registry.VARIANTS):
        assert_seamless(registry.draw(*key, variant))


@pytest.mark.slow
@pytest.mark.parametrize("key", registry.SURFACES)
def test_variants_differ_and_shade_leaves_colours_about_as_they_are(key: tuple[str, str]) -> None:
    drawn = [registry.draw(*key, variant) for variant in range(registry.VARIANTS)]
    assert len({maps.blend.tobytes() + maps.normal.tobytes() for maps in drawn}) == registry.VARIANTS
    for maps in drawn:
        assert 0.6 < maps.blend[..., 2].mean() / 127.5 < 1.15
        upwards = maps.normal[..., 2] / 127.5 - 1
        assert upwards.min() > 0
        np.testing.assert_allclose(maps.normal[..., :2].mean(axis=(0, 1)), 127.5, atol=2.5)


def test_a_drawing_is_a_function_of_its_name_and_number() -> None:
    first, again, other = (registry.draw("paper", "towel", variant) for variant in (1, 1, 2))
    np.testing.assert_array_equal(first.blend, again.blend)
    np.testing.assert_array_equal(first.normal, again.normal)
    assert (first.blend != other.blend).any()


def test_squares_and_lines_of_paper_have_their_pitch() -> None:
    squared = registry.draw("paper", "squared", 0)
    texel = squared.size_mm[0] / squared.blend.shape[1]
    columns = squared.blend[..., 0].mean(axis=0)
    dark = np.flatnonzero((columns[1:-1] > columns[:-2]) & (columns[1:-1] >= columns[2:]) & (columns[1:-1] > 40))
    assert np.diff(dark).mean() * texel == pytest.approx(5.0, rel=0.01)
    assert squared.size_mm == pytest.approx(SIZES_MM["paper", "squared"][0])


def test_joints_of_tiles_are_as_far_apart_as_tiles_are_sold() -> None:
    maps = registry.draw("tiles", "glazed", 0)
    joints = maps.blend[..., 1].mean(axis=0) > 128
    starts = np.flatnonzero(joints & ~np.roll(joints, 1))
    pitch = maps.size_mm[0] / len(starts)
    assert min(abs(pitch - size) for size in TILE_SIZES_MM) < 1e-6
    width = joints.sum() / len(starts) * maps.size_mm[0] / maps.blend.shape[1]
    assert 1.5 < width < 4.5


def test_noise_is_seamless_normalized_and_as_coarse_as_asked() -> None:
    canvas = Canvas((256, 512), 1.0, np.random.default_rng(0))
    fine, coarse = canvas.noise(4.0), canvas.noise(40.0)
    for field in (fine, coarse):
        assert field.mean() == pytest.approx(0, abs=1e-5)
        assert field.std() == pytest.approx(1, abs=1e-5)

    def likeness(field: np.ndarray, shift: int) -> float:
        return float((field * np.roll(field, shift, axis=1)).mean())

    assert likeness(fine, 4) < 0.7 < likeness(coarse, 10)
    assert likeness(coarse, 40) < 0.7
    along = canvas.noise(60.0, 3.0)
    assert likeness(along, 6) > float((along * np.roll(along, 6, axis=0)).mean()) + 0.5


def test_the_cell_of_a_point_is_that_of_its_nearest_seed() -> None:
    canvas = Canvas((60, 90), 0.5, np.random.default_rng(3))
    distance, lot = canvas.cells(5.0)
    seeds = np.argwhere(distance == 0)
    rows, columns = np.mgrid[:60, :90]
    away = np.abs(rows[..., None] - seeds[:, 0]), np.abs(columns[..., None] - seeds[:, 1])
    apart = np.hypot(np.minimum(away[0], 60 - away[0]), np.minimum(away[1], 90 - away[1]))
    # OpenCV's distances by 5 x 5 masks are up to 3 % off.
    np.testing.assert_allclose(distance * 10, apart.min(axis=-1), atol=0.5, rtol=0.04)
    nearest = seeds[apart.argmin(axis=-1)]
    clear = np.sort(apart, axis=-1)[..., 1] - apart.min(axis=-1) > 1.0
    np.testing.assert_array_equal(lot[clear], lot[nearest[..., 0], nearest[..., 1]][clear])


def test_a_stroke_over_the_border_comes_in_at_the_other() -> None:
    canvas = Canvas((40, 60), 1.0, np.random.default_rng(0))
    middle = canvas.strokes([np.array([[20.0, 20.0], [40.0, 20.0]])], [1.0], 3.0)
    over = canvas.strokes([np.array([[50.0, 35.0], [70.0, 35.0]])], [1.0], 3.0)
    assert middle.sum() > 50
    np.testing.assert_array_equal(np.roll(middle, (15, 30), axis=(0, 1)), over)


def test_a_slope_becomes_the_normal_of_a_plane() -> None:
    canvas = Canvas((8, 64), (0.5, 2.0), np.random.default_rng(0))
    wave = np.broadcast_to(np.sin(2 * np.pi * canvas.x / 32), canvas.shape)
    normal = maps_of(Drawing(canvas, height_mm=wave)).normal[3] / 127.5 - 1
    slope = 2 * np.pi / 32 * np.cos(2 * np.pi * canvas.x[0] / 32)
    expected = np.stack([-slope, 0 * slope, np.ones(64)], axis=1) / np.sqrt(1 + slope**2)[:, None]
    np.testing.assert_allclose(normal, expected, atol=0.01)


def test_a_slope_too_gentle_for_a_byte_is_right_on_average() -> None:
    canvas = Canvas((4096, 64), 0.5, np.random.default_rng(0))
    slope = 0.003 * np.cos(2 * np.pi * canvas.x[0] / 32)  # a byte's step is 0.0078
    height = np.broadcast_to(0.003 * 32 / (2 * np.pi) * np.sin(2 * np.pi * canvas.x / 32), canvas.shape)
    drawn = maps_of(Drawing(canvas, shade=1.0 + height, height_mm=height))
    np.testing.assert_allclose(drawn.normal[..., 0].mean(axis=0) / 127.5 - 1, -slope, atol=4e-4)
    np.testing.assert_allclose(drawn.blend[..., 2].mean(axis=0) / 127.5, 1.0 + height[0], atol=4e-4)
    assert (drawn.blend[..., 0] == 0).all()
    flat = maps_of(Drawing(Canvas((2048, 512), 0.5, np.random.default_rng(0)), second=1.0))
    assert (flat.normal[..., 2] == 255).all()
    assert (flat.blend[..., 0] == 255).all()


def test_reducing_averages_and_keeps_what_is_covered() -> None:
    maps = registry.draw("paper", "squared", 0)
    small = reduced(maps, 1.2)
    assert small.size_mm == maps.size_mm
    assert maps.blend.shape[1] // small.blend.shape[1] == 4  # 0.29 mm to 1.16
    assert maps.blend.shape[0] // small.blend.shape[0] == 4  # 0.27 mm to 1.09
    blocks = maps.blend[:4, 8:12].astype(float).mean(axis=(0, 1))
    np.testing.assert_allclose(small.blend[0, 2], blocks, atol=0.5)
    assert reduced(maps, 0.3) is maps
    assert min(reduced(maps, 1e6).blend.shape[:2]) >= 3


def test_maps_are_drawn_once_and_then_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = registry.maps("paper", "folded", 0)
    monkeypatch.setattr(registry, "draw", lambda *_: pytest.fail("drawn again"))
    again = registry.maps("paper", "folded", 0)
    np.testing.assert_array_equal(first.blend, again.blend)
    np.testing.assert_array_equal(first.normal, again.normal)
    assert again.size_mm == first.size_mm
    assert len(list(cache.rglob("*.npz"))) == 1


@pytest.mark.parametrize("damage", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_drawn_again(cache: Path, damage: bytes) -> None:
    first = registry.maps("paper", "folded", 0)
    (file,) = cache.rglob("*.npz")
    file.write_bytes(damage)
    np.testing.assert_array_equal(registry.maps("paper", "folded", 0).blend, first.blend)
    assert file.stat().st_size > 1000


def test_a_folder_that_cannot_be_written_costs_time_only(cache: Path) -> None:
    cache.write_text("a file is in the way", encoding="utf-8")
    assert registry.maps("paper", "folded", 0).blend.shape == (768, 1024, 4)


def test_the_cache_folder_is_the_platforms_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("BRICKBENCH_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "brickbench"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "brickbench"
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "brickbench"
    monkeypatch.setenv("BRICKBENCH_CACHE", "elsewhere")
    assert cache_folder() == Path("elsewhere")


def test_ramps_and_lines() -> None:
    np.testing.assert_allclose(ramp(np.array([0.0, 1.0, 1.5, 2.0, 9.0]), 1, 2), [0, 0, 0.5, 1, 1])
    np.testing.assert_allclose(ramp(np.array([1.0, 2.0]), 2, 1), [1, 0])
    np.testing.assert_allclose(to_line(np.array([0.0, 2.0, 4.0, 5.0, 9.0], np.float32), 5.0), [0, 2, 1, 0, 1])
