"""Draw images/explanations*.png: ``python docs/draw_explanations.py DEMO``, DEMO being the folder `make demo` filled.

All pictures are of the demo's test split, which its network never saw.
"""

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np

from explain.collect import MapCollector, picture_index
from explain.draw import scaled_picture
from explain.figures import draw_figure, draw_sheet, explained_pictures, show_png, spread_pictures
from explain.methods import METHODS
from explain.network.layers import feature_sheets, kernel_sheet
from explain.network.maximize import MaximizeSettings, maximized_sheet
from explain.network.sheets import Sheet, write_sheets
from explain.panels import save_png
from explain.strongest import Strongest
from training.run.checkpoint import load_checkpoint
from training.run.run import Run

IMAGES = Path(__file__).with_name("images")
DPI = 100
WIDTH_INCH = 2.0
PICTURE, PART = "00000020-00", "2431"
"""Three parts, of which this one is missed."""


def choose(collector: MapCollector) -> tuple[str, str]:
    """Return image_id and part_id: the surest true positive among test pictures with three parts."""
    best = (-np.inf, "", "")
    test = set(spread_pictures(collector.run.dataset, "test", 10**9))
    for place in np.flatnonzero(collector.pictures.targets.sum(axis=1) >= 3):
        if collector.pictures.image_ids[place] in test:
            masks, logits = collector.pictures.masks(int(place)), collector.logits(int(place))
            best = max(best, *((logits[part], collector.pictures.image_ids[place], part) for part in masks))
    return best[1], best[2]


def draw_methods(run: Path, root: Path) -> None:
    """Write explanations.png, every method for convolutional networks on one picture."""
    names = [name for name, row in METHODS.items() if row.family != "attention"]
    collector = MapCollector(Run.open(run, root), {name: {} for name in names})
    image_id, part = choose(collector)
    shown = collector.explained(image_id, [part])
    save_png(draw_figure(shown, width_inch=WIDTH_INCH, dpi=DPI), IMAGES / "explanations.png")
    print(f"explanations.png: picture {image_id}, part {part}")


def draw_one(run: Path, root: Path) -> None:
    """Write what `explain show` draws of one picture: some methods for a part, and the ten strongest for all parts."""
    some: dict[str, dict[str, object]] = {
        name: {} for name in ("gradcam", "lime", "saliency", "lrp", "edges", "random")
    }
    some["rise"] = {"num_masks": 300}
    show_png(MapCollector(Run.open(run, root), some).explained(PICTURE, [PART]), IMAGES / "explanations_one.png")
    few = MapCollector(Run.open(run, root), {"gradcam": {}, "lime": {}, "saliency": {}})
    show_png(few.explained(PICTURE), IMAGES / "explanations_top.png", Strongest(top=10))


def draw_six(run: Path, root: Path) -> None:
    """Write the paper's figure 9: six pictures, Grad-CAM and LIME's 40 strongest superpixels."""
    collector = MapCollector(
        Run.open(run, root), {"gradcam": {}, "lime": {"kernel_size": 1}}
    )  # small pictures: more superpixels
    shown = explained_pictures(collector, spread_pictures(collector.run.dataset, "test", 6))
    save_png(draw_sheet(shown, Strongest(top=40), width_inch=WIDTH_INCH, dpi=DPI), IMAGES / "explanations_six.png")


def draw_network(run: Path, root: Path) -> None:
    """Write the paper's figures 5, 7 and 8: kernels of two layers, and feature maps of layers one, three and five."""
    network = load_checkpoint(run)
    write_sheets([kernel_sheet(network.model)], IMAGES / "explanations_kernels.png")
    write_sheets([kernel_sheet(network.model, "conv2", limit=8, inputs=12)], IMAGES / "explanations_kernels_second.png")
    collector = MapCollector(Run.open(run, root), {})
    image_id = choose(collector)[0]
    picture = collector.pictures.image(picture_index(collector.pictures, image_id))
    sheets = feature_sheets(network.model, network.network_input(picture), ["conv1", "conv3", "conv5"], limit=9)
    write_sheets([Sheet(image_id, scaled_picture(picture, 240), None), *sheets], IMAGES / "explanations_features.png")


def draw_grown(run: Path) -> None:
    """Write what each class likes best."""
    network = load_checkpoint(run)
    settings = MaximizeSettings.parse({"steps": 128, "mean": network.mean, "std": network.std})
    write_sheets([maximized_sheet(network, settings, None, None, 0)], IMAGES / "explanations_maximize.png")


if __name__ == "__main__":
    mpl.use("agg")
    piles = Path(sys.argv[1]) / "piles"
    bricknet = piles / "runs" / "bricknet"
    draw_network(bricknet, piles)
    draw_one(bricknet, piles)
    draw_six(bricknet, piles)
    draw_methods(bricknet, piles)
    draw_grown(bricknet)
