"""Draw twins.png: ``python docs/results/draw.py RUN JUDGE``, a run with maps of the test pictures of JUDGE.

Rows are pictures of which the network names a part rightly and most surely loses it when the part is taken away.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from explain.collect import ShownMap
from explain.panels import draw_map, draw_picture, new_figure, save_png
from explain.store import Attribution, load_maps, read_attributions
from training.run.checkpoint import Checkpoint, load_checkpoint

METHODS = ("gradcam", "lime", "occlusion", "input_x_gradient", "integrated_gradients")
ROWS = 3
LOOKED_AT = 60
"""Of the twins, in the order of image_id."""
WIDTH_INCH = 1.5
MOST_PARTS = 3
"""Pictures with more parts are hard to read at this size."""


def logits_of(network: Checkpoint, pictures: PileDataset, places: list[int]) -> np.ndarray:
    """Return the logits (N, C) of some pictures."""
    with torch.inference_mode():
        images = torch.stack([network.network_input(pictures.image(place)) for place in places])
        return np.asarray(network.model(images).double())


def choose(run: Path, root: Path) -> list[tuple[str, str, str, float, float]]:
    """Return (picture, twin, part, logit with it, without it): for each of some parts the largest fall."""
    network = load_checkpoint(run, "best", torch.device("cpu"))
    pictures = PileDataset(root, "test", classes=network.classes, with_masks=True, with_twins=True)
    place_of = {image_id: place for place, image_id in enumerate(pictures.image_ids)}
    explained = {row.image_id for row in read_attributions(run)}
    with open_index(root) as index:
        rows = index.execute("SELECT image_id, twin_id, removed_part_id FROM twins ORDER BY ALL").fetchall()
    rows = [row for row in rows if row[0] in explained and row[1] in place_of][:LOOKED_AT]
    best: dict[str, tuple[str, str, str, float, float]] = {}
    for image_id, twin_id, part in rows:
        masks = pictures.masks(place_of[image_id])
        if part not in masks or not 2 <= len(masks) <= MOST_PARTS:
            continue
        there, gone = logits_of(network, pictures, [place_of[image_id], place_of[twin_id]])
        before, after = (float(each[network.classes.index(part)]) for each in (there, gone))
        if part not in best or before - after > best[part][3] - best[part][4]:
            best[part] = (image_id, twin_id, part, before, after)
    return sorted(best.values(), key=lambda one: one[4] - one[3])[:ROWS]


def maps_of(run: Path, image_id: str, part: str) -> dict[str, tuple[Attribution, np.ndarray]]:
    """Return the stored map of each of METHODS."""
    best = load_checkpoint(run, "best", torch.device("cpu")).name
    rows = [row for row in read_attributions(run, image_id) if (row.part_id, row.checkpoint) == (part, best)]
    return {row.method: (row, values) for row, values in zip(rows, load_maps(run, rows), strict=True)}


def main() -> None:
    """Draw the picture."""
    run, root = Path(sys.argv[1]), Path(sys.argv[2])
    pictures = PileDataset(root, None, with_masks=True, with_twins=True)
    place_of = {image_id: place for place, image_id in enumerate(pictures.image_ids)}
    chosen = choose(run, root)
    figure, panels = new_figure(len(chosen), 2 + len(METHODS), WIDTH_INCH, (1, 1), dpi=100)
    for line, (image_id, twin_id, part, before, after) in enumerate(chosen):
        mask = pictures.masks(place_of[image_id])[part]
        image = pictures.image(place_of[image_id])
        draw_picture(panels[line, 0], image, mask, f"part {part}", f"logit {before:.1f}")
        twin = pictures.image(place_of[twin_id])
        draw_picture(panels[line, 1], twin, None, "without it", f"logit {after:.1f}")
        maps = maps_of(run, image_id, part)
        for column, name in enumerate(METHODS, start=2):
            row, values = maps[name]
            one = ShownMap(name, row.method_settings_hash, row.checkpoint, part, values)
            draw_map(panels[line, column], image, mask, name.replace("integrated_gradients", "integrated grad."), one)
    save_png(figure, Path(__file__).with_name("twins.png"))


if __name__ == "__main__":
    main()
