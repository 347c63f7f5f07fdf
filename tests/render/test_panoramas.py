"""Panoramas and what stands in for them: no Blender here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from core.errors import SettingsError
from render.lighting import LUMINANCE, unit_vector
from render.lights import SMALL_DEG, WORLDS, _bundled_folder, list_panoramas, sample_lighting, sample_panorama
from render.panoramas import UP, Fit, fit, read_panorama, upper_half

HEIGHT = 128


def directions() -> np.ndarray:
    """Return the direction of each pixel (H, W, 3): x in the middle of the picture, y a quarter to its left."""
    elevation = np.pi / 2 - (np.arange(HEIGHT) + 0.5) / HEIGHT * np.pi
    azimuth = np.pi - (np.arange(2 * HEIGHT) + 0.5) / HEIGHT * np.pi
    across, turn = np.meshgrid(np.cos(elevation), azimuth, indexing="ij")
    return np.stack([across * np.cos(turn), across * np.sin(turn), np.sin(elevation)[:, None] + 0 * turn], axis=-1)


def picture_of(radiance: np.ndarray) -> np.ndarray:
    return np.repeat(radiance[:, :, None], 3, axis=2).astype(np.float32)


def with_disc(azimuth_deg: float, elevation_deg: float, diameter_deg: float, radiance: float) -> np.ndarray:
    inside = directions() @ unit_vector(azimuth_deg, elevation_deg) > np.cos(np.radians(diameter_deg / 2))
    inside[HEIGHT // 2 :] = False
    return picture_of(1.0 + (radiance - 1) * inside)


def white_under(found: Fit, normals: np.ndarray) -> np.ndarray:
    """Return the radiance (M, 3) of white surfaces under a fit, by brute force over a fine grid of directions."""
    u, v = np.meshgrid((np.arange(540) + 0.5) / 540, (np.arange(180) + 0.5) / 180)
    z, turn = v.ravel(), 2 * np.pi * u.ravel()
    grid = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
    radiance = np.tile(np.array(found.ambient_rgb), (len(grid), 1))
    small = np.zeros((len(normals), 3))
    for disc in found.discs:
        towards, half = unit_vector(disc.azimuth_deg, disc.elevation_deg), np.radians(disc.diameter_deg / 2)
        if disc.diameter_deg < 5:
            small += np.maximum(normals @ towards, 0)[:, None] * np.array(disc.radiance_rgb) * np.sin(half) ** 2
        else:
            radiance[grid @ towards > np.cos(half)] += disc.radiance_rgb
    return np.maximum(normals @ grid.T, 0) @ radiance * 2 / len(grid) + small


def spiral(count: int) -> np.ndarray:
    """Return unit vectors (count, 3) spread evenly over the upper half."""
    place = np.arange(count) + 0.5
    z, turn = 1 - place / count, place * np.pi * (3 - np.sqrt(5))
    return np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)


def upper_normals(count: int, seed: int) -> np.ndarray:
    normals = np.random.default_rng(seed).normal(size=(count, 3))
    normals[:, 2] = np.abs(normals[:, 2])
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def test_a_floor_under_a_sky_that_brightens_upwards_is_as_the_integral_says() -> None:
    sky = upper_half(picture_of(np.clip(directions()[:, :, 2], 0, None)))
    assert sky.steradians.sum() == pytest.approx(2 * np.pi)
    # Radiance z: the integral of z * z over the half sphere is 2 pi / 3.
    np.testing.assert_allclose(sky.white(UP), 2 / 3, rtol=1e-3)


def test_the_lower_half_gives_no_light() -> None:
    picture = picture_of(np.ones((HEIGHT, 2 * HEIGHT)))
    picture[HEIGHT // 2 :] = 1000
    assert fit(picture) == fit(picture_of(np.ones((HEIGHT, 2 * HEIGHT))))


def test_an_even_panorama_becomes_even_light_alone() -> None:
    found = fit(picture_of(np.full((HEIGHT, 2 * HEIGHT), 7.0)))
    assert found.discs == ()
    np.testing.assert_allclose(found.ambient_rgb, 1, rtol=0.01)


@pytest.mark.parametrize(("azimuth", "elevation", "diameter"), [(0, 40, 20), (130, 60, 40), (-100, 30, 12)])
def test_a_disc_is_found_again(azimuth: float, elevation: float, diameter: float) -> None:
    picture = with_disc(azimuth, elevation, diameter, 40.0)
    found = fit(picture, 1)
    assert len(found.discs) == 1
    disc = found.discs[0]
    apart = unit_vector(disc.azimuth_deg, disc.elevation_deg) @ unit_vector(azimuth, elevation)
    assert np.degrees(np.arccos(min(apart, 1.0))) < 2
    assert disc.diameter_deg == pytest.approx(diameter, rel=0.1)
    assert disc.radiance_rgb[0] / found.ambient_rgb[0] == pytest.approx(39, rel=0.25)


def test_a_sun_becomes_a_small_disc_of_its_light() -> None:
    picture = picture_of(np.ones((HEIGHT, 2 * HEIGHT)))
    row, column = HEIGHT // 4, HEIGHT // 2  # 45 degrees up, a quarter to the left of the middle: along y
    picture[row, column] = (60_000, 50_000, 30_000)
    found = fit(picture)
    sun = max(found.discs, key=lambda disc: disc.radiance_rgb[1])
    assert (sun.azimuth_deg, sun.elevation_deg) == (pytest.approx(90, abs=1.5), pytest.approx(45, abs=1.5))
    assert sun.diameter_deg < SMALL_DEG
    exact = upper_half(picture)
    share = np.array(sun.radiance_rgb) @ LUMINANCE * np.sin(np.radians(sun.diameter_deg / 2)) ** 2 * np.sin(np.pi / 4)
    floor = exact.white(UP)[0] @ LUMINANCE
    assert share == pytest.approx(1 - 1 / floor, abs=0.03)


@pytest.mark.parametrize("name", WORLDS)
def test_surfaces_of_all_slopes_are_lit_as_by_the_panorama_itself(name: str) -> None:
    picture = read_panorama(_bundled_folder() / f"{name}.exr")
    sky, found, normals = upper_half(picture), fit(picture), np.vstack([UP, upper_normals(60, 1)])
    exact, ours = sky.white(normals), white_under(found, normals)
    exact = exact / (exact[0] @ LUMINANCE)
    assert np.sqrt(((ours - exact) ** 2).mean() / (exact**2).mean()) < 0.06
    np.testing.assert_allclose(ours[0], exact[0], atol=0.04)
    # The mean over a closed surface of what it receives is a quarter of all light.
    around = np.vstack([spiral(60), -spiral(60)])
    everything = (sky.radiance * sky.steradians[:, None]).sum(axis=0) @ LUMINANCE
    received = (white_under(found, around) @ LUMINANCE).mean() * 4 * np.pi
    assert received == pytest.approx(everything / (sky.white(UP)[0] @ LUMINANCE), rel=0.07)


def write_panorama(path: Path, picture: np.ndarray) -> str:
    assert cv2.imwrite(str(path), picture[:, :, ::-1])
    return str(path)


@pytest.mark.parametrize("suffix", [".hdr", ".exr"])
def test_the_users_panorama_is_turned_scaled_and_named(tmp_path: Path, suffix: str) -> None:
    file = write_panorama(tmp_path / f"room{suffix}", with_disc(0, 40, 30, 200.0) * 5)
    assert list_panoramas(str(tmp_path)) == [file]
    one, same, other = (sample_panorama(file, "fitted", np.random.default_rng(k)) for k in (0, 0, 1))
    assert one == same
    assert one.name == "panorama"
    assert one.lamps[0].azimuth_deg != other.lamps[0].azimuth_deg
    assert one.ambient_share + sum(lamp.share for lamp in one.lamps) == pytest.approx(1)
    exact = sample_panorama(file, "exact", np.random.default_rng(0))
    assert exact.lamps == ()
    assert exact.panorama is not None
    assert exact.panorama.file == file
    assert one.lamps[0].azimuth_deg == pytest.approx(exact.panorama.turn_deg, abs=2)  # its disc is at azimuth 0
    np.testing.assert_allclose(one.light_rgb, exact.light_rgb, atol=0.03)


@pytest.mark.parametrize("name", WORLDS)
def test_fitted_and_exact_tint_the_floor_alike(name: str) -> None:
    fitted, exact = (sample_lighting(name, kind, np.random.default_rng(3)) for kind in ("fitted", "exact"))
    np.testing.assert_allclose(fitted.light_rgb, exact.light_rgb, atol=0.1)


def test_a_folder_without_panoramas_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"There is no folder .*none; environment_pictures should name one"):
        list_panoramas(str(tmp_path / "none"))
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(SettingsError, match=r"holds no panorama: files should end in \.exr or \.hdr"):
        list_panoramas(str(tmp_path))


def test_what_is_no_panorama_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.hdr"
    broken.write_text("no picture")
    with pytest.raises(SettingsError, match=r"broken\.hdr cannot be read as an \.exr or \.hdr picture"):
        sample_panorama(str(broken), "fitted", np.random.default_rng(0))
    square = write_panorama(tmp_path / "square.hdr", np.ones((64, 64, 3), np.float32))
    with pytest.raises(SettingsError, match=r"square\.hdr is 64 x 64 pixels; a panorama .* is twice as wide as high"):
        sample_panorama(square, "exact", np.random.default_rng(0))
    black = write_panorama(tmp_path / "black.hdr", np.zeros((64, 128, 3), np.float32))
    with pytest.raises(SettingsError, match=r"black\.hdr is black above the horizon"):
        sample_panorama(black, "fitted", np.random.default_rng(0))
