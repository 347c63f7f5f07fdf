"""Class activation maps and gradients against pytorch-grad-cam and captum: source, agreement, time a map, ratio.

``python benchmarks/explain_methods.py [--device cuda] [--network resnet18] [--sizes 224 128] [--classes 5]`` prints
the table of docs/explaining.md in some four minutes of one CPU core. Classes of one picture are explained at once; the
library, by the references of `explain verify`, gets the picture once for each in one batch, which is faster than one
call a class; pytorch-grad-cam's Finer-CAM takes one class a call. Score-CAM and Ablation-CAM read the 64 maps of
``layer1``, so that they do not take minutes.

Times are of float32. Agreement is the largest difference to the library's map before it rescales, as a share of that
map's largest value, in float64 at the smallest size: in float32 the rounding of a rectifier's input near 0 flips it, in
the library's network as in ours.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from explain.methods import create_method, find_method
from explain.protocol import Method
from explain.references.reference import load_reference, network_copy, quiet
from explain.verify import relative_difference
from training.network.models import create_model

METHODS = (
    "gradcam", "gradcam_max", "gradcam_plus_plus", "hirescam", "layercam", "xgradcam", "finercam", "scorecam",
    "ablationcam", "eigencam", "eigengradcam", "saliency", "input_x_gradient", "integrated_gradients", "gradient_shap",
    "smoothgrad", "guided_backprop", "guided_gradcam", "fullgrad", "deeplift", "lrp",
)  # fmt: skip
COSTLY = {"scorecam", "ablationcam", "integrated_gradients", "gradient_shap", "smoothgrad"}
CAMS = METHODS[: METHODS.index("saliency")]
SETTINGS: dict[str, dict[str, object]] = {
    **{name: {"layer": "layer4"} for name in (*CAMS, "guided_gradcam")},  # at the layer of the libraries' examples
    "scorecam": {"layer": "layer1"},
    "ablationcam": {"layer": "layer1"},
    "lrp": {"rule": "plain"},  # captum has no other
}
NUM_CLASSES = 85


def build(name: str, network: str, device: str, dtype: torch.dtype) -> nn.Module:
    """Return a network with random weights for one method.

    LRP is measured on bricknet with ReLU: captum's knows neither leaky ReLU nor sums outside modules, as in a ResNet,
    nor rectifiers in place. DeepLIFT is measured with average instead of max pooling, with which captum's does not
    add up.
    """
    torch.manual_seed(0)
    model = create_model("bricknet" if name == "lrp" else network, NUM_CLASSES)
    for path, module in list(model.named_modules()):
        if name == "lrp" and isinstance(module, nn.LeakyReLU):
            setattr(model, path, nn.ReLU())
        if name == "deeplift" and isinstance(module, nn.MaxPool2d):
            setattr(model, path, nn.AvgPool2d(module.kernel_size, module.stride, module.padding))
    return model.to(device, dtype).eval()


def seconds_of(work: Callable[[], object], device: str, repeats: int) -> float:
    """Return the shortest of some runs, after one to warm up (none for a single one on a CPU).

    CPU-seconds of one thread on a CPU, which company on the machine hardly changes; on a GPU, time that passed until
    it had done everything.
    """
    on_gpu = device.startswith("cuda")
    clock = time.perf_counter if on_gpu else time.process_time
    warm_up = int(repeats > 1 or on_gpu)
    times = []
    for _ in range(repeats + warm_up):
        if on_gpu:
            torch.cuda.synchronize()
        started = clock()
        work()
        if on_gpu:
            torch.cuda.synchronize()
        times.append(clock() - started)
    return min(times[warm_up:])


def agreement(name: str, network: str, device: str, size: int) -> str:
    """Return the largest difference to the library's map of two classes, as a share of that map's largest value."""
    model, image = build(name, network, device, torch.float64), picture(size).double().to(device)
    method = create_method(name, model, **SETTINGS.get(name, {}))
    (own,) = method.attribute(image, [[0, 1]])
    expected = library_maps(name, method, model)(image[0], [0, 1])
    return f"{max(map(relative_difference, own, expected)):.0e}"


def speed(name: str, network: str, device: str, size: int, count: int) -> str:
    """Return the cells that tell milliseconds a map, ours and the library's, and their ratio."""
    model, image, classes = build(name, network, device, torch.float32), picture(size), list(range(count))
    method = create_method(name, model, **SETTINGS.get(name, {}))
    library, moved = library_maps(name, method, model), image[0].to(device)
    repeats = 1 if name in COSTLY else 3
    ours = seconds_of(lambda: method.attribute(image, [classes]), device, repeats) / count
    theirs = seconds_of(lambda: library(moved, classes), device, repeats) / count
    return f"{1e3 * ours:.{int(ours < 0.01)}f} | {1e3 * theirs:.0f} | {theirs / ours:.1f}"


def library_maps(name: str, method: Method, model: nn.Module) -> Callable[[Tensor, list[int]], np.ndarray]:
    """Return what makes the library's raw maps of an image and classes, as `explain verify` has it made."""
    reference, copy = load_reference(find_method(name).reference), network_copy(model)

    def maps(image: Tensor, classes: list[int]) -> np.ndarray:
        with quiet():
            return reference.maps(copy, method.settings, image, classes)

    return maps


def picture(size: int) -> Tensor:
    """Return noise as a network takes it, (1, 3, size, size)."""
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 128])
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=METHODS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sizes = [cell for size in options.sizes for cell in (f"ours, ms ({size} px)", "library, ms", "ratio")]
    print(f"| method | source | agreement | {' | '.join(sizes)} |")
    print(f"| --- | --- | ---: |{' ---: |' * len(sizes)}")
    for name in options.methods:
        cells = [agreement(name, options.network, options.device, min(options.sizes))]
        cells += [speed(name, options.network, options.device, size, options.classes) for size in options.sizes]
        print(f"| `{name}` | {find_method(name).source} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
