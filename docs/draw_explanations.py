"""Draw images/explanations.png: ``python docs/draw_explanations.py DEMO``, where DEMO is the folder `make demo` filled.

One picture of the demo's test split that its network never saw, explained by every method for one part in it.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from dataset.loader import PileDataset
from explain.baselines.oracle import Oracle
from explain.draw import overlay, scaled_picture, with_outline
from explain.methods import METHODS, create_method, with_normalisation
from explain.show import save_png
from training.checkpoint import Checkpoint, load_checkpoint

OUT = Path(__file__).with_name("images") / "explanations.png"
COLUMNS = 6
PANEL_PX = 240
QUANTILE = 0.99
"""Where the colours of gradients end: a few pixels hold the largest values, and would leave the rest pale."""
FEWER: dict[str, dict[str, object]] = {"lime": {"kernel_size": 2}}
"""Superpixels of the demo's small pictures, as in the demo itself."""


def choose(network: Checkpoint, pictures: PileDataset) -> tuple[int, int]:
    """Return picture and class: the surest true positive among pictures with three parts."""
    best = (-np.inf, 0, 0)
    for place in np.flatnonzero(pictures.targets.sum(axis=1) >= 3):
        logits = network.model(network.network_input(pictures.image(place))[None])[0].detach().numpy()
        index = int(np.where(pictures.targets[place], logits, -np.inf).argmax())
        best = max(best, (float(logits[index]), int(place), index))
    return best[1], best[2]


def draw(demo: Path) -> None:
    """Write the sheet."""
    network = load_checkpoint(demo / "piles" / "runs" / "bricknet")
    pictures = PileDataset(demo / "piles", "test", classes=network.classes, with_masks=True)
    place, index = choose(network, pictures)
    picture, mask = pictures.image(place), pictures.masks(place)[network.classes[index]]
    image = network.network_input(picture)[None]
    panels = [(f"Part {network.classes[index]}", with_outline(scaled_picture(picture, PANEL_PX), mask))]
    for name, row in METHODS.items():
        settings = with_normalisation(name, FEWER.get(name, {}), network.mean, network.std)
        method = create_method(name, network.model, **settings)
        if isinstance(method, Oracle):
            (maps,) = method.attribute(image, [[index]], [[mask]])
        else:
            (maps,) = method.attribute(image, [[index]])
        values = maps[0]
        if row.family == "gradients":
            limit = np.quantile(np.abs(values), QUANTILE)
            values = np.clip(values, -limit, limit)
        drawn = overlay(picture, values, resize=row.resize, size_px=PANEL_PX, mask=mask)
        panels.append((f"{row.title}{'' if row.kind == 'method' else f' ({row.kind})'}", drawn))
    lines = -(-len(panels) // COLUMNS)
    figure = Figure(figsize=(1.7 * COLUMNS, 1.9 * lines), dpi=100, layout="constrained")
    for axes in figure.subplots(lines, COLUMNS).flat:
        axes.set_axis_off()
    for axes, (title, panel) in zip(figure.axes, panels, strict=False):
        axes.imshow(panel)
        axes.set_title(title, fontsize=7.5, loc="left", pad=3)
    save_png(figure, OUT)
    print(f"{OUT.name}: picture {pictures.image_ids[place]}, part {network.classes[index]}")


if __name__ == "__main__":
    mpl.use("agg")
    draw(Path(sys.argv[1]))
