"""Colours of light: black bodies, and sun and sky by the height of the sun. Linear Rec. 709."""

import numpy as np
from numpy.typing import NDArray

from blender_assets.colors import Rgb
from render.lighting import LUMINANCE, tint

PRIMARIES_UM = np.array([0.61, 0.55, 0.465])
"""Wavelengths that stand for red, green and blue."""


def kelvin_to_linear_rgb(kelvin: float) -> NDArray[np.float64]:
    """Return the linear Rec. 709 colour of a black body, luminance 1, (3,).

    Source: Kim et al. 2002 cubic fit of the Planckian locus, valid 1667..25000 K.
    """
    t = 1e3 / min(max(kelvin, 1667.0), 25000.0)
    if kelvin <= 4000:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if kelvin <= 2222:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif kelvin <= 4000:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    xyz = np.array([x / y, 1.0, (1 - x - y) / y])
    rgb_from_xyz = np.array(
        [[3.2404542, -1.5371385, -0.4985314], [-0.9692660, 1.8760108, 0.0415560], [0.0556434, -0.2040259, 1.0572252]]
    )
    return np.asarray(np.clip(rgb_from_xyz @ xyz, 0.02, None))


def lamp_tint(kelvin: float, rng: np.random.Generator) -> Rgb:
    """Return the tint of a lamp: a black body's with a little green or magenta, as LEDs and tubes have."""
    return tint(kelvin_to_linear_rgb(kelvin) * [1.0, float(np.clip(rng.normal(1.0, 0.02), 0.95, 1.06)), 1.0])


def sun_and_sky(elevation_deg: float, haze: float) -> tuple[float, Rgb, Rgb]:
    """Return the sun's share of the light on a level floor and the tints of sun and clear sky.

    The beam is weakened by Rayleigh's scattering (optical depth 0.00864 / wavelength^4.08) and by haze (Angstrom's
    law) along the air mass of Kasten and Young 1989; half of the scattered light reaches the ground. Ozone and the
    scattering of what was scattered are left out.

    Args:
        elevation_deg: height of the sun, above 0.
        haze: Angstrom's turbidity, 0.02 (very clear) to 0.3 (hazy).
    """
    air_mass = 1 / (np.sin(np.radians(elevation_deg)) + 0.50572 * (elevation_deg + 6.07995) ** -1.6364)
    depth = 0.00864 * PRIMARIES_UM**-4.08 + haze * PRIMARIES_UM**-1.3
    passed = np.exp(-depth * air_mass)
    above = kelvin_to_linear_rgb(5900)
    sun, sky = above * passed, above * (1 - passed) / 2
    share = float((sun @ LUMINANCE) / ((sun + sky) @ LUMINANCE))
    return share, tint(sun), tint(sky)
