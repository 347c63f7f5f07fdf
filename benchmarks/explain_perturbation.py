"""What perturbation methods cost apart from the network's forward passes, beside lime and captum.

    .venv/bin/python -m benchmarks.explain_perturbation
    .venv/bin/python -m benchmarks.explain_perturbation --device cuda

Both sides explain the same picture with the same superpixels and as many perturbed pictures, in one process, taking
turns; lime is given it in double precision, as in its own tutorials. CPU-seconds are counted, and the best of the
repeats is taken, since other work on the machine only ever adds. torch and BLAS get one thread: threads that wait for
each other spin, and that would be counted, too. The network answers from one pixel, so that what is counted is the
method; passes of a real network are timed apart. lime is called once for all classes, captum once a class, as it must.
On a GPU seconds by the clock are counted, after synchronising. A run takes some two minutes.
"""

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import KernelShap as CaptumKernelShap
from captum.attr import Occlusion as CaptumOcclusion
from skimage.data import astronaut
from skimage.segmentation import quickshift as library_quickshift
from skimage.transform import resize
from tabulate import tabulate
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from explain.perturbation.kernel_shap import KernelShap, KernelShapSettings
from explain.perturbation.lime import Lime, LimeSettings
from explain.perturbation.occlusion import Occlusion, OcclusionSettings
from explain.perturbation.quickshift import quickshift
from explain.perturbation.rise import Rise, RiseSettings
from training.network.models import create_model

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from lime import lime_image

SAMPLES = 1000
PLAIN: dict[str, Any] = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}


class OnePixel(nn.Module):
    """Ten logits from a picture's middle pixel, in no time."""

    def __init__(self) -> None:
        """Fix the weights."""
        super().__init__()
        self.weights = nn.Parameter(torch.linspace(-1, 1, 30).reshape(3, 10), requires_grad=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, 10)."""
        return images[:, :, images.shape[2] // 2, images.shape[3] // 2] @ self.weights


def best(calls: dict[str, Callable[[], object]], repeats: int, device: str) -> dict[str, float]:
    """Return the fewest seconds of each call, the calls taking turns."""
    found = dict.fromkeys(calls, np.inf)
    for _ in range(repeats):
        for name, call in calls.items():
            clock = time.process_time if device == "cpu" else time.perf_counter
            before = clock()
            call()
            if device != "cpu":
                torch.cuda.synchronize()
            found[name] = min(found[name], clock() - before)
    return found


def by_lime(picture: np.ndarray, segments: np.ndarray, classes: int) -> object:
    """Explain by the lime library, without its progress bar's lines."""
    weights = np.linspace(-1, 1, 30).reshape(3, 10)
    middle = picture.shape[0] // 2
    explainer = lime_image.LimeImageExplainer(random_state=np.random.RandomState(0))
    return explainer.explain_instance(
        picture.astype("double"), lambda pictures: pictures[:, middle, middle] @ weights,
        labels=tuple(range(classes)), top_labels=None, num_samples=SAMPLES, batch_size=32,
        segmentation_fn=lambda _: segments,
    )  # fmt: skip


def lines(size: int, classes: int, repeats: int, device: str) -> list[list[object]]:
    """Return the table's rows for one size of picture and one number of classes."""
    picture = resize(astronaut() / 255.0, (size, size), anti_aliasing=True).astype(np.float32)
    image = torch.from_numpy(picture.transpose(2, 0, 1)).contiguous()
    model, wanted = OnePixel().to(device), list(range(classes))
    settings = LimeSettings(preset="lime", num_samples=SAMPLES, **PLAIN)
    lime = Lime(model, settings)
    shap = KernelShap(model, KernelShapSettings(kernel_size=4, num_samples=SAMPLES, **PLAIN))
    segments = lime.explain(image, [0]).segments
    areas, batch = torch.from_numpy(segments)[None, None].to(device), image[None].to(device)
    occlusion = Occlusion(model, OcclusionSettings(**PLAIN))

    def captum_occlusion() -> None:
        for label in wanted:
            CaptumOcclusion(model).attribute(
                batch, target=label, sliding_window_shapes=(3, 16, 16), strides=(3, 8, 8), perturbations_per_eval=32
            )

    def captum_shap() -> None:
        for label in wanted:
            CaptumKernelShap(model).attribute(
                batch, target=label, feature_mask=areas, n_samples=SAMPLES, perturbations_per_eval=32
            )

    exact = picture.astype("double")
    quick = best(
        {
            "lime, theirs": lambda: by_lime(picture, segments, classes),
            "lime, ours": lambda: lime.explain(image, wanted, segments),
            "quickshift, theirs": lambda: library_quickshift(exact, kernel_size=4, max_dist=200, ratio=0.2),
            "quickshift, ours": lambda: quickshift(exact, kernel_size=4, max_dist=200, ratio=0.2),
            "finer, theirs": lambda: library_quickshift(exact, kernel_size=2, max_dist=200, ratio=0.2),
            "finer, ours": lambda: quickshift(exact, kernel_size=2, max_dist=200, ratio=0.2),
        },
        2 * repeats,
        device,
    )
    found = quick | best(
        {
            "occlusion, theirs": captum_occlusion,
            "occlusion, ours": lambda: occlusion.attribute(image[None], [wanted]),
            "shap, theirs": captum_shap,
            "shap, ours": lambda: shap.attribute(image[None], [wanted]),
            "rise, ours": lambda: Rise(model, RiseSettings()).attribute(image[None], [wanted]),
        },
        repeats,
        device,
    )
    whole = {who: found[f"lime, {who}"] + found[f"quickshift, {who}"] for who in ("theirs", "ours")}
    superpixels = int(segments.max()) + 1
    what = [
        (f"LIME, {SAMPLES} samples, {superpixels} superpixels given", found["lime, theirs"], found["lime, ours"]),
        ("quickshift (kernel_size 4)", found["quickshift, theirs"], found["quickshift, ours"]),
        ("quickshift (kernel_size 2)", found["finer, theirs"], found["finer, ours"]),
        ("LIME with its quickshift (kernel_size 4)", whole["theirs"], whole["ours"]),
        ("Occlusion, window 16, stride 8 (captum)", found["occlusion, theirs"], found["occlusion, ours"]),
        (f"KernelSHAP, {SAMPLES} samples (captum)", found["shap, theirs"], found["shap, ours"]),
        ("RISE, 4,000 masks", None, found["rise, ours"]),
    ]
    return [
        [size, classes, name, None if theirs is None else round(theirs, 3), round(ours, 3),
         None if theirs is None else f"{theirs / ours:.0f} times"]
        for name, theirs, ours in what
    ]  # fmt: skip


def passes(size: int, repeats: int, device: str) -> float:
    """Return the seconds of as many forward passes of the demo's network as LIME takes, in batches like its own."""
    network = create_model("bricknet", 10, width=0.25).to(device).eval()
    count = 32 if device == "cpu" else 250
    batch = torch.rand(count, 3, size, size, device=device)

    def work() -> None:
        with torch.inference_mode():
            for _ in range(SAMPLES // count):
                network(batch)

    return best({"passes": work}, repeats, device)["passes"] * SAMPLES / (SAMPLES // count * count)


def precisions(size: int, repeats: int, device: str) -> list[list[object]]:
    """Return what LIME takes, passes included, in each precision, and how far it moves coefficients from float32's.

    The network's weights are random: how far those of a trained one are moved stands in docs/lime.md.
    """
    torch.manual_seed(0)
    network = create_model("bricknet", 10, width=0.25).to(device).eval()
    image = torch.from_numpy(resize(astronaut() / 255.0, (size, size), anti_aliasing=True).transpose(2, 0, 1)).float()
    kinds = ["float32", "bfloat16"] if device == "cpu" else ["float32", "tf32", "bfloat16", "float16"]
    limes = {kind: Lime(network, LimeSettings(precision=kind, num_samples=SAMPLES, **PLAIN)) for kind in kinds}
    maps = {kind: lime.attribute(image[None], [[0]])[0] for kind, lime in limes.items()}
    calls = {kind: lambda lime=lime: lime.attribute(image[None], [[0]]) for kind, lime in limes.items()}
    found = best(calls, repeats, device)
    largest = np.abs(maps["float32"]).max()
    return [
        [size, kind, round(found[kind], 3), f"{np.abs(maps[kind] - maps['float32']).max() / largest:.2%}"]
        for kind in kinds
    ]


def main() -> None:
    """Print the tables, in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3, help="the best is taken")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1, user_api="blas")
    warnings.simplefilter("ignore")
    lime_image.tqdm = lambda rows: rows  # its bar is no part of the method
    rows = [
        row
        for size in (128, 224)
        for classes in (1, 5)
        for row in lines(size, classes, arguments.repeats, arguments.device)
    ]
    unit = "CPU-s" if arguments.device == "cpu" else "s"
    headers = ["pixels", "classes", "a picture", f"library, {unit}", f"ours, {unit}", "ratio"]
    print(tabulate(rows, headers=headers, tablefmt="github"), flush=True)
    for size in (128, 224):
        seconds = passes(size, arguments.repeats, arguments.device)
        print(f"\n{SAMPLES} forward passes of bricknet (width 0.25) at {size} pixels: {seconds:.2f} {unit}", flush=True)
    rows = precisions(128, arguments.repeats, arguments.device)
    print("\n" + tabulate(rows, headers=["pixels", "precision", f"LIME, {unit}", "moves by"], tablefmt="github"))


if __name__ == "__main__":
    main()
