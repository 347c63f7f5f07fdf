"""One picture with its explanations side by side, as a PNG."""

from pathlib import Path

from matplotlib.figure import Figure

from explain.collect import ExplainedPicture
from explain.draw import value_text
from explain.panels import draw_map, draw_picture, new_figure, save_png
from explain.strongest import Strongest

COLUMNS = 6
WIDTH_INCH = 2.7


def show_png(shown: ExplainedPicture, out: Path, strongest: Strongest | None = None) -> None:
    """Write a picture with its maps into the PNG `out`: for each part the picture, then each method.

    Args:
        shown: the picture with one map at least.
        out: written over, if it is there.
        strongest: draw the strongest of each map as flat areas; None draws shades with colour bars.

    Raises:
        BrickbenchError: `out` cannot be written.
    """
    save_png(draw_figure(shown, strongest), out)


def draw_figure(
    shown: ExplainedPicture, strongest: Strongest | None = None, *, width_inch: float = WIDTH_INCH, dpi: int = 150
) -> Figure:
    """Return the figure that `show_png` writes: at most six panels in a line, each part beginning a new one."""
    counts = [1 + len(shown.of(part)) for part in shown.parts]
    columns = min(COLUMNS, max(counts))
    lines = [-(-count // columns) for count in counts]
    figure, panels = new_figure(sum(lines), columns, width_inch, shown.picture.shape, dpi)
    for index, part in enumerate(shown.parts):
        free = iter(panels[sum(lines[:index]) : sum(lines[: index + 1])].flat)
        mask = shown.masks.get(part)
        draw_picture(next(free), shown.picture, mask, part_title(shown, part), part_facts(shown, part))
        for panel, (title, one) in zip(free, shown.of(part), strict=False):
            draw_map(panel, shown.picture, mask, title, one, strongest)
    return figure


def part_title(shown: ExplainedPicture, part_id: str) -> str:
    """Return such as ``Brick 2 x 4 (3001)``."""
    return f"{shown.names.get(part_id, part_id)} ({part_id})"


def part_facts(shown: ExplainedPicture, part_id: str) -> str:
    """Return such as ``logit −0.3, not in the picture``, empty if there is nothing to say."""
    logit = [f"logit {value_text(shown.logits[part_id])}"] if part_id in shown.logits else []
    return ", ".join(logit + ([] if part_id in shown.masks else ["not in the picture"]))
