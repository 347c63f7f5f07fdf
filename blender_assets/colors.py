"""LEGO colours by LDraw code, with the sRGB values that moulded parts show and how common each is."""

from dataclasses import dataclass

from core.errors import SettingsError
from core.settings import near_matches


@dataclass(frozen=True)
class Color:
    """One moulding colour."""

    color_id: int
    """LDraw colour code."""

    name: str
    srgb_hex: str
    weight: float
    """How often it is drawn, relative to the others; roughly how common it is in mixed lots."""

    @property
    def linear_rgb(self) -> tuple[float, float, float]:
        """Scene-linear Rec. 709 values in 0..1, by the sRGB transfer function (IEC 61966-2-1)."""
        channels = (int(self.srgb_hex[k : k + 2], 16) / 255 for k in (0, 2, 4))
        red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
        return red, green, blue


COLORS = (
    Color(0, "Black", "1B2A34", 8),
    Color(1, "Blue", "1E5AA8", 8),
    Color(2, "Green", "00852B", 5),
    Color(4, "Red", "B40000", 9),
    Color(10, "Bright Green", "58AB41", 2),
    Color(14, "Yellow", "FAC80A", 7),
    Color(15, "White", "F4F4F4", 8),
    Color(19, "Tan", "D7BA8C", 5),
    Color(25, "Orange", "D67923", 4),
    Color(26, "Magenta", "901F76", 2),
    Color(27, "Lime", "A5CA18", 3),
    Color(28, "Dark Tan", "897D62", 2),
    Color(29, "Bright Pink", "FF9ECD", 2),
    Color(70, "Reddish Brown", "5F3109", 5),
    Color(71, "Light Bluish Gray", "969696", 8),
    Color(72, "Dark Bluish Gray", "646464", 8),
    Color(85, "Dark Purple", "441A91", 2),
    Color(191, "Bright Light Orange", "FCAC00", 2),
    Color(226, "Bright Light Yellow", "FFEC6C", 2),
    Color(272, "Dark Blue", "19325A", 3),
    Color(288, "Dark Green", "00451A", 2),
    Color(320, "Dark Red", "720012", 2),
    Color(321, "Dark Azure", "469BC3", 2),
    Color(322, "Medium Azure", "68C3E2", 2),
)

_BY_NAME = {color.name.lower(): color for color in COLORS}


def color_by_name(name: str) -> Color:
    """Return the colour called `name` (case does not matter); SettingsError with the nearest name if unknown."""
    try:
        return _BY_NAME[name.lower()]
    except KeyError:
        names = [color.name for color in COLORS]
        raise SettingsError(f"Unknown colour {name!r}{near_matches(name, names)}; known: {', '.join(names)}.") from None
