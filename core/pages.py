"""Pages that are one file and need no network: their templates, their style, and numbers as they print them."""

import base64
import html
import math
from pathlib import Path

import cv2
import jinja2
import numpy as np
import numpy.typing as npt

from core.files import output_file


def page_environment(package: str) -> jinja2.Environment:
    """Return the environment of the templates in ``PACKAGE/templates``, which extend ``page.html.j2`` of this package.

    Numbers are printed by the filters ``number`` (`page_number`) and ``pvalue`` (`page_p_value`); a name that is
    missing is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("core")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = page_number
    environment.filters["pvalue"] = page_p_value
    return environment


def save_page(path: Path, page: str) -> None:
    """Write the page over `path`, if it is there; raises BrickbenchError if that cannot be done."""
    with output_file(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


def page_number(value: float | None, digits: int = 2) -> str:
    """Return `value` with a minus sign that is one, never minus zero, and a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")


def page_p_value(value: float) -> str:
    """Return a p value with three decimals, as a bound where it is smaller, and a dash where there is none."""
    if value != value:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def markdown_text(text: str) -> str:
    """Return `text` as Markdown that shows it on one line: Markdown takes HTML as it stands, and bars end cells."""
    return " ".join(html.escape(text, quote=False).replace("|", "\\|").split())


def data_uri(picture: npt.NDArray[np.uint8]) -> str:
    """Return `picture` (h, w, 3) uint8 RGB as a WebP data URI; quality 88 shows no blocks at an outline."""
    done, data = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 88])
    assert done
    return "data:image/webp;base64," + base64.b64encode(data.tobytes()).decode("ascii")
