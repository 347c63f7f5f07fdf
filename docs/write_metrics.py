"""Write the definitions in docs/metrics.md from the registry: ``python docs/write_metrics.py``."""

from pathlib import Path

from evaluation.localization.registry import DEFINITIONS
from evaluation.measure import REASONS

PAGE = Path(__file__).with_name("metrics.md")
START, END = "<!-- definitions: written by docs/write_metrics.py -->", "<!-- end of definitions -->"
_LINES = (
    ("Formula", "formula"),
    ("Better", "direction"),
    ("Range", "range"),
    ("Chance level", "chance"),
    ("A uniform map", "uniform"),
    ("The mask itself as a map", "oracle"),
    ("Ties", "ties"),
    ("Zero mass", "zero_mass"),
    ("Negative values", "negative_values"),
    ("Zero of the map", "zero"),
    ("Settings", "settings"),
    ("Source", "source"),
)


def definitions() -> str:
    """Return the definitions of all metrics as Markdown."""
    rows = [measure.as_row() for measure in DEFINITIONS.values()]
    parts = ["| metric | of | question |", "| --- | --- | --- |"]
    parts += [f"| [`{row['metric']}`](#{row['metric']}) | {row['of']} | {row['answers']} |" for row in rows]
    for row in rows:
        parts += ["", f"### {row['metric']}", "", f"{row['title']}, of {row['of']}. {row['answers']}", ""]
        parts += [f"- {label}: {row[name]}." for label, name in _LINES if name in row]
        if row["equals"] != "none":
            parts.append(f"- Same numbers as `{row['equals']}`, under the name that its own paper gave it.")
    parts += ["", "### Where there is no value", "", "| status | because |", "| --- | --- |"]
    parts += [f"| `{status}` | {reason} |" for status, reason in REASONS.items()]
    return "\n".join(parts)


def page(text: str) -> str:
    """Return the page `text` with today's definitions."""
    before, rest = text.split(START)
    return f"{before}{START}\n\n{definitions()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
