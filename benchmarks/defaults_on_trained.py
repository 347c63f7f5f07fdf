"""Are the default layer of class activation maps, and the paint of LIME and KernelSHAP, right on networks that learned?

    python benchmarks/defaults_on_trained.py DATASET --keep FOLDER                  # all networks, some 30 CPU-minutes
    python benchmarks/defaults_on_trained.py DATASET --keep FOLDER --model resnet10t:1

Networks are trained on coloured piles, so that it is known what they use (`evaluation.gold.trained`): colours, and
squares on the floor that give parts away. Each is explained on test pictures at each stage of its layers, and with both
paints. It prints how often the highest place lies on the reason, with the rule's choice marked. FOLDER keeps networks
and results: what is there is not made again.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import torch
from tabulate import tabulate
from torch import nn

from core.errors import BrickbenchError
from dataset.dataset_folder import DatasetFolder
from evaluation.gold.calibration import calibrate
from evaluation.gold.cases import Case
from evaluation.gold.pictures import SIDE_PX, GoldPictures
from evaluation.gold.trained import EPOCHS, new_network, trained_cases, uses_something_else
from explain.cam.footprint import footprint
from explain.cam.layers import default_layer
from training.network.models import conv_stages

MODELS = (
    "bricknet:1",
    "resnet10t:0",
    "mobilenetv3_small_100:0:24",
    "tf_efficientnet_lite0:1",
    "vit_tiny_patch16_224:0",
)
CAMS = ("gradcam", "hirescam", "layercam", "gradcam_plus_plus", "xgradcam")
PAINTED = ("lime", "kernel_shap")
PICTURES, PAINTED_PICTURES, SAMPLES = 24, 8, 300


def learned(case: Case, keep: Path, seed: int) -> nn.Module:
    """Return the trained network of `case`, from `keep` if it is there."""
    path = keep / f"{case.name}_{seed}.pt"
    if not path.exists():
        model = case.create()
        torch.save(model.state_dict(), path)
        return model
    model = new_network(case.name.rpartition("_")[0])
    model.load_state_dict(torch.load(path, weights_only=True))
    return model.eval()


def hits(dataset: DatasetFolder, case: Case, methods: dict[str, dict[str, object]], pictures: int) -> dict[str, float]:
    """Return how often each method's highest place lies on the reason, and within a cell of it (``NAME near``)."""
    found = calibrate(dataset, methods, pictures=pictures, split="test", cases=[case])
    return {
        one.method if one.test == "hit" else f"{one.method} near": one.value
        for one in found.results
        if one.test in ("hit", "near")
    }


def layers_of(model: nn.Module) -> list[tuple[str, str, float]]:
    """Return name, grid and offset of the last layer of each stage; of a transformer, the entrances of its blocks."""
    try:
        stages = conv_stages(model, SIDE_PX)
    except BrickbenchError:
        names = [name for name, _ in model.named_modules() if name.endswith("norm1")]
        return [(name, "tokens", float("nan")) for name in names[-4:]]
    rows = []
    for name, layer, grid in stages:
        looks = footprint(model, layer, SIDE_PX)
        rows.append((name, f"{grid[0]} x {grid[1]}", float("nan") if looks is None else looks.offset))
    return rows


def measured(dataset: DatasetFolder, case: Case, model: nn.Module) -> dict[str, object]:
    """Return what one network comes to, layer by layer and paint by paint."""
    known = replace(case, create=lambda: model, is_trained=False, tests=("hit", "near"))
    unknown = uses_something_else(model, case, GoldPictures(dataset.root, PICTURES, split="test").scenes)
    if unknown:
        return {"unknown": unknown}
    rows = []
    for name, grid, offset in layers_of(model):
        found = hits(dataset, known, {method: {"layer": name} for method in CAMS}, PICTURES)
        rows.append({"layer": name, "grid": grid, "offset": offset, "hits": found})
    paints = {
        paint: hits(
            dataset,
            known,
            {name: {"hide_color": paint, "num_samples": SAMPLES} for name in PAINTED},
            PAINTED_PICTURES,
        )
        for paint in ("mean", "superpixel")
    }
    others = hits(dataset, known, {name: {} for name in ("edges", "uniform", "input_x_gradient")}, PICTURES)
    return {"chosen": default_layer(model, SIDE_PX).name, "layers": rows, "paints": paints, "others": others}


def main() -> None:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--model", action="append", help="NAME:SEED or NAME:SEED:EPOCHS; may be repeated")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.keep.mkdir(parents=True, exist_ok=True)
    dataset = DatasetFolder.open(arguments.dataset)
    layers, paints = [], []
    for word in arguments.model or MODELS:
        name, *rest = word.split(":")
        seed, epochs = (*rest, *("0", str(EPOCHS))[len(rest) :])
        for case in trained_cases(arguments.dataset, [name], int(seed), int(epochs)):
            path = arguments.keep / f"{case.name}_{seed}.json"
            if not path.exists():
                path.write_text(json.dumps(measured(dataset, case, learned(case, arguments.keep, int(seed)))))
            found = json.loads(path.read_text())
            label = f"{case.name} (seed {seed})"
            if "unknown" in found:
                print(f"{label} is passed over: {found['unknown']}.")
                continue
            layers += [
                {"network": label, "layer": row["layer"] + (" (default)" if row["layer"] == found["chosen"] else "")}
                | {"grid": row["grid"], "beside": f"{row['offset']:.2f}"}
                | {method: f"{row['hits'][method]:.2f}" for method in CAMS}
                for row in found["layers"]
            ]
            paints.append(
                {"network": label}
                | {f"{name}, {paint}": f"{own[name]:.2f}" for name in PAINTED for paint, own in found["paints"].items()}
                | {name: f"{found['others'][name]:.2f}" for name in ("input_x_gradient", "edges", "uniform")}
            )
    print(tabulate(layers, headers="keys", disable_numparse=True))
    print()
    print(tabulate(paints, headers="keys", disable_numparse=True))


if __name__ == "__main__":
    main()
