"""One picture with its explanations as a page: one HTML file that needs no network, and colours the raw maps itself."""

import base64
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.pages import page_environment, save_page
from dataset.browse.outlines import outline_path
from dataset.masks import encode_mask
from explain.collect import ExplainedPicture, ShownMap
from explain.draw import (
    DARKEST,
    GAMMA,
    OPACITY,
    PALEST,
    STEPS,
    Picture,
    colouring_of,
    scaled_picture,
    shades,
    value_text,
)
from explain.figures import part_facts, part_title
from explain.methods import METHODS
from explain.strongest import AGAINST, BORDER_PX, FILL, FOR, Strongest

PANEL_PX = 480
MOST_STRONGEST = 100_000


def show_page(shown: ExplainedPicture, out: Path, strongest: Strongest | None = None) -> None:
    """Write a picture with its maps as the page `out`.

    Raw maps travel as float32 at their own size; the page colours them as `explain.draw` and `explain.strongest` do, to
    the last bit but one. What it draws first is what `explain.figures.show_png` draws.

    Args:
        shown: the picture with one map at least.
        out: written over, if it is there.
        strongest: what the page's controls begin with; None begins with shades of everything.

    Raises:
        BrickbenchError: `out` cannot be written.
    """
    html = render_page(shown, strongest)
    save_page(out, html)


def render_page(shown: ExplainedPicture, strongest: Strongest | None = None) -> str:
    """Return the page as HTML, the same bytes for the same maps."""
    chosen = strongest or Strongest()
    data = {
        "picture": _png_uri(scaled_picture(shown.picture, PANEL_PX)),
        "nativeSize": [shown.picture.shape[1], shown.picture.shape[0]],
        "shades": _base64(shades()),
        "steps": STEPS,
        "gamma": GAMMA,
        "greys": [DARKEST, PALEST],
        "opacity": OPACITY,
        "areas": {"for": FOR, "against": AGAINST, "fill": FILL, "border": BORDER_PX},
        "parts": [_part(shown, part) for part in shown.parts],
    }
    return (
        page_environment("explain")
        .get_template("show.html.j2")
        .render(
            shown=shown,
            parts=[(part, part_title(shown, part)) for part in shown.parts],
            methods=list(dict.fromkeys(title for part in shown.parts for title, _ in shown.of(part))),
            data=data,
            areas=strongest is not None,
            share=round(100 * (chosen.share or 0)),
            top=chosen.top,
            threshold=chosen.threshold,
            for_only=chosen.for_only,
            opacity=round(100 * OPACITY),
            most=MOST_STRONGEST,
        )
    )


def _part(shown: ExplainedPicture, part_id: str) -> dict[str, object]:
    mask = shown.masks.get(part_id)
    return {
        "id": part_id,
        "title": part_title(shown, part_id),
        "facts": part_facts(shown, part_id),
        "outline": "" if mask is None else outline_path(encode_mask(mask), *mask.shape),
        "alt": _picture_alt(shown, part_id),
        "maps": [_map(shown, title, one) for title, one in shown.of(part_id)],
    }


def _map(shown: ExplainedPicture, title: str, one: ShownMap) -> dict[str, object]:
    row = METHODS[one.method]
    colouring = colouring_of(one.values)
    return {
        "title": title,
        "smooth": row.resize == "bilinear",
        "signed": colouring.signed,
        "low": colouring.low,
        "limit": colouring.limit,
        "ticks": [label for _, label in colouring.ticks()],
        "unit": row.unit,
        "size": [one.values.shape[1], one.values.shape[0]],
        "values": _base64(one.values.astype("<f4")),
        "about": f"{row.source}; {one.checkpoint.replace('_', ' ')}. {row.note[:1].upper()}{row.note[1:]}.",
        "alt": _map_alt(shown, title, one),
    }


def _picture_alt(shown: ExplainedPicture, part_id: str) -> str:
    mask = shown.masks.get(part_id)
    name = shown.names.get(part_id, part_id)
    if mask is None or not mask.any():
        return f"Picture {shown.image_id}; {name} is {'not outlined' if mask is not None else 'not'} in it."
    return f"Picture {shown.image_id}; the outline marks {name}, {mask.mean():.1%} of the picture."


def _map_alt(shown: ExplainedPicture, title: str, one: ShownMap) -> str:
    """Return what the map shows in words: its range, where it is strongest, and how much speaks for the part on it."""
    values = np.where(np.isfinite(one.values), one.values, 0.0)
    y, x = (
        (index + 0.5) / size
        for index, size in zip(np.unravel_index(values.argmax(), values.shape), values.shape, strict=True)
    )
    height, width = shown.picture.shape[:2]
    low, high = value_text(float(values.min())), value_text(float(values.max()))
    most = f"{high} {METHODS[one.method].unit}".rstrip()
    words = (
        f"{title} map for {shown.names.get(one.part_id, one.part_id)}: from {low} to {most}, "
        f"largest at x {x * width:.0f}, y {y * height:.0f} of {width} by {height} px"
    )
    mask = shown.masks.get(one.part_id)
    if mask is None or not mask.any():
        return f"{words}."
    on = mask[min(int(y * height), height - 1), min(int(x * width), width - 1)]
    return f"{words}, {'on' if on else 'off'} the part."


def _base64(array: NDArray[np.uint8] | NDArray[np.float32]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")


def _png_uri(picture: Picture) -> str:
    """Return `picture` without loss, so that the page's colours are exact."""
    done, data = cv2.imencode(".png", picture[:, :, ::-1])
    assert done
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")
