"""Pages that are one file and need no network: their templates, their style, and numbers as they print them."""

import math

import jinja2


def page_environment(package: str) -> jinja2.Environment:
    """Return the environment of the templates in ``PACKAGE/templates``, which extend ``page.html.j2`` of this package.

    Numbers are printed by the filter ``number`` (`page_number`); a name that is missing is an error.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("core")]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["number"] = page_number
    return environment


def page_number(value: float | None, digits: int = 2) -> str:
    """Return `value` with a minus sign that is one, never minus zero, and a dash where there is none."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else text.lstrip("-")
