"""LEGO colours by LDraw code, with the sRGB values that moulded parts show and how common each is.

Codes, names and values are those of LDConfig.ldr, update 2024-04-05, of the LDraw.org Parts Library
(CC BY 4.0), which took the values from LEGO's own palette and compared them with bricks.
"""

from dataclasses import dataclass
from typing import Literal

from core.errors import SettingsError
from core.settings import near_matches

Rgb = tuple[float, float, float]
Finish = Literal["solid", "transparent", "metallic"]
FINISHES: tuple[Finish, ...] = ("solid", "transparent", "metallic")


def linear_rgb(srgb_hex: str) -> Rgb:
    """Return the scene-linear Rec. 709 values, 0..1, of an sRGB colour such as ``"C8B79A"`` (IEC 61966-2-1)."""
    channels = (int(srgb_hex[k : k + 2], 16) / 255 for k in (0, 2, 4))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return red, green, blue


_ALBEDO = {0: (0.035, 0.035, 0.035)}
"""Diffuse reflectance by colour code where the screen value is far off: black ABS is neutral and reflects 3 to 4 %."""

LEAST_ALBEDO = 0.01
"""No plastic swallows all light of a channel: a screen value of 0 stands for a colour that screens cannot show."""


@dataclass(frozen=True)
class Color:
    """One moulding colour."""

    color_id: int
    """LDraw colour code."""

    name: str
    """LDraw's name, with spaces."""

    srgb_hex: str
    """Of transparent plastic: its tint."""

    weight: float
    """How often it is drawn, relative to the others; roughly how common it is in mixed lots."""

    finish: Finish = "solid"
    """Metallic covers pearl, metal paint and chrome."""

    alpha: float = 1.0
    """Opacity in flat drawings, 0..1. A rendered part refracts and absorbs instead: its tint is `srgb_hex`."""

    @property
    def finish_number(self) -> int:
        """Place of the finish in `FINISHES`."""
        return FINISHES.index(self.finish)

    @property
    def linear_rgb(self) -> Rgb:
        """Scene-linear Rec. 709 values in 0..1."""
        return linear_rgb(self.srgb_hex)

    @property
    def albedo_rgb(self) -> Rgb:
        """What a rendered part has: the diffuse reflectance of plastic, else the tint; scene-linear Rec. 709, 0..1."""
        if self.finish != "solid":
            return self.linear_rgb
        red, green, blue = _ALBEDO.get(self.color_id, self.linear_rgb)
        return max(red, LEAST_ALBEDO), max(green, LEAST_ALBEDO), max(blue, LEAST_ALBEDO)


COLORS = (
    Color(0, "Black", "1B2A34", 8),
    Color(1, "Blue", "1E5AA8", 8),
    Color(2, "Green", "00852B", 5),
    Color(3, "Dark Turquoise", "069D9F", 1.5),
    Color(4, "Red", "B40000", 9),
    Color(5, "Dark Pink", "D3359D", 1),
    Color(6, "Brown", "543324", 0.6),
    Color(7, "Light Grey", "8A928D", 1.5),
    Color(8, "Dark Grey", "545955", 1),
    Color(10, "Bright Green", "58AB41", 2),
    Color(14, "Yellow", "FAC80A", 7),
    Color(15, "White", "F4F4F4", 8),
    Color(19, "Tan", "D7BA8C", 5),
    Color(22, "Purple", "671F81", 0.5),
    Color(25, "Orange", "D67923", 4),
    Color(26, "Magenta", "901F76", 2),
    Color(27, "Lime", "A5CA18", 3),
    Color(28, "Dark Tan", "897D62", 2),
    Color(29, "Bright Pink", "FF9ECD", 2),
    Color(30, "Medium Lavender", "A06EB9", 1),
    Color(31, "Lavender", "CDA4DE", 1),
    Color(70, "Reddish Brown", "5F3109", 5),
    Color(71, "Light Bluish Grey", "969696", 8),
    Color(72, "Dark Bluish Grey", "646464", 8),
    Color(73, "Medium Blue", "7396C8", 1.5),
    Color(78, "Light Nougat", "FFC995", 1),
    Color(84, "Medium Nougat", "AA7D55", 1.5),
    Color(85, "Medium Lilac", "441A91", 2),
    Color(92, "Nougat", "BB805A", 1),
    Color(151, "Very Light Bluish Grey", "C8C8C8", 0.5),
    Color(191, "Bright Light Orange", "FCAC00", 2),
    Color(212, "Bright Light Blue", "9DC3F7", 1),
    Color(226, "Bright Light Yellow", "FFEC6C", 2),
    Color(272, "Dark Blue", "19325A", 3),
    Color(288, "Dark Green", "00451A", 2),
    Color(308, "Dark Brown", "352100", 2),
    Color(320, "Dark Red", "720012", 2),
    Color(321, "Dark Azure", "469BC3", 2),
    Color(322, "Medium Azure", "68C3E2", 2),
    Color(323, "Light Aqua", "D3F2EA", 1),
    Color(326, "Yellowish Green", "E2F99A", 0.5),
    Color(330, "Olive Green", "77774E", 1),
    Color(353, "Coral", "FF6D77", 1),
    Color(368, "Neon Yellow", "EDFF21", 0.3),
    Color(370, "Medium Brown", "755945", 0.3),
    Color(373, "Sand Purple", "75657D", 0.3),
    Color(378, "Sand Green", "708E7C", 1.5),
    Color(379, "Sand Blue", "70819A", 1.5),
    Color(484, "Dark Orange", "91501C", 1.5),
    Color(33, "Trans Dark Blue", "0020A0", 0.7, "transparent", 0.5),
    Color(34, "Trans Green", "237841", 0.5, "transparent", 0.5),
    Color(35, "Trans Bright Green", "56E646", 0.4, "transparent", 0.5),
    Color(36, "Trans Red", "C91A09", 0.9, "transparent", 0.5),
    Color(37, "Trans Dark Pink", "DF6695", 0.3, "transparent", 0.5),
    Color(38, "Trans Neon Orange", "FF800D", 0.6, "transparent", 0.5),
    Color(39, "Trans Very Light Blue", "C1DFF0", 0.3, "transparent", 0.5),
    Color(40, "Trans Brown", "635F52", 0.8, "transparent", 0.5),
    Color(41, "Trans Medium Blue", "559AB7", 0.5, "transparent", 0.5),
    Color(42, "Trans Neon Green", "C0FF00", 0.4, "transparent", 0.5),
    Color(43, "Trans Light Blue", "AEE9EF", 1, "transparent", 0.5),
    Color(45, "Trans Pink", "FC97AC", 0.2, "transparent", 0.5),
    Color(46, "Trans Yellow", "F5CD2F", 0.6, "transparent", 0.5),
    Color(47, "Trans Clear", "FCFCFC", 1.6, "transparent", 0.5),
    Color(52, "Trans Purple", "A5A5CB", 0.3, "transparent", 0.5),
    Color(57, "Trans Orange", "F08F1C", 0.6, "transparent", 0.5),
    Color(231, "Trans Bright Light Orange", "FCB76D", 0.2, "transparent", 0.5),
    Color(80, "Metallic Silver", "767676", 0.3, "metallic"),
    Color(82, "Metallic Gold", "DBAC34", 0.3, "metallic"),
    Color(134, "Copper", "764D3B", 0.2, "metallic"),
    Color(148, "Pearl Dark Grey", "484D48", 0.5, "metallic"),
    Color(179, "Pearl Silver", "898788", 0.8, "metallic"),
    Color(297, "Pearl Gold", "AA7F2E", 1, "metallic"),
    Color(334, "Chrome Gold", "DFC176", 0.15, "metallic"),
    Color(383, "Chrome Silver", "CECECE", 0.15, "metallic"),
)

_OTHER_NAMES = {"dark purple": "medium lilac", "flat silver": "pearl silver"}
"""Names that BrickLink or older LDraw files use."""


def color_by_name(name: str) -> Color:
    """Return the colour of this name or LDraw code; SettingsError with the nearest name if there is none.

    Case does not matter, nor whether it is spelled grey or gray, with spaces, hyphens or underscores.
    """
    wanted = _normal(name)
    try:
        return _BY_NAME[_OTHER_NAMES.get(wanted, wanted)]
    except KeyError:
        names = [color.name for color in COLORS]
        raise SettingsError(f"Unknown colour {name!r}{near_matches(name, names)}; known: {', '.join(names)}.") from None


def _normal(name: str) -> str:
    return " ".join(name.lower().replace("_", " ").replace("-", " ").replace("gray", "grey").split())


_BY_NAME = {_normal(color.name): color for color in COLORS} | {str(color.color_id): color for color in COLORS}
