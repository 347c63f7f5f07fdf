"""Class activation maps and gradients against pytorch-grad-cam and captum: source, agreement, time a map, ratio.

``python benchmarks/explain_methods.py [--device cuda] [--network resnet18] [--sizes 224 128] [--classes 5]`` prints
the table of docs/explaining.md in some four minutes of one CPU core. Classes of one picture are explained at once; the
library gets the picture once for each in one batch, which is faster than one call a class. SmoothGrad takes as many
noisy copies as captum's NoiseTunnel, and Score-CAM reads the 64 maps of ``layer1``, so that it does not take minutes.

Times are of float32. Agreement is the largest difference to the library's map before it rescales, as a share of that
map's largest value, in float64 at the smallest size: in float32 the rounding of a rectifier's input near 0 flips it, in
the library's network as in ours.
"""

import argparse
import contextlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import LRP, GuidedBackprop, GuidedGradCam, InputXGradient, IntegratedGradients, NoiseTunnel, Saliency
from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from explain.methods import create_method, find_method
from training.network.models import create_model


class MaxPooled(GradCAM):
    """The library has no such method; its other steps are its own."""

    def get_cam_weights(self, _input: Any, _layer: Any, _target: Any, _maps: Any, grads: np.ndarray) -> np.ndarray:
        """Return the largest gradient of each map, (N, C)."""
        return grads.max(axis=(2, 3))


CAMS = {
    "gradcam": GradCAM, "gradcam_max": MaxPooled, "gradcam_plus_plus": GradCAMPlusPlus, "hirescam": HiResCAM,
    "layercam": LayerCAM, "xgradcam": XGradCAM, "scorecam": ScoreCAM, "eigencam": EigenCAM,
}  # fmt: skip
GRADIENTS = (
    "saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", "guided_backprop", "guided_gradcam", "lrp",
)  # fmt: skip
COSTLY = {"scorecam", "integrated_gradients", "smoothgrad"}
SETTINGS: dict[str, dict[str, object]] = {"scorecam": {"layer": "layer1"}}
COPIES_AT_ONCE = 6
"""Of each class's picture, in captum's NoiseTunnel: with five classes about what ours takes in a pass."""
NUM_CLASSES = 85
MEAN, STD = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))


def build(name: str, network: str, device: str, dtype: torch.dtype) -> nn.Module:
    """Return a network with random weights for one method.

    LRP is measured on bricknet with ReLU: captum's knows neither leaky ReLU nor sums outside modules, as in a ResNet,
    nor rectifiers in place.
    """
    torch.manual_seed(0)
    model = create_model("bricknet" if name == "lrp" else network, NUM_CLASSES)
    for path, module in list(model.named_modules()):
        if name == "lrp" and isinstance(module, nn.LeakyReLU):
            setattr(model, path, nn.ReLU())
    return model.to(device, dtype).eval()


def library_cam(name: str, model: nn.Module, layer: nn.Module, image: Tensor, classes: Sequence[int]) -> np.ndarray:
    """Return the library's finished maps, (K, H, W)."""
    images = image.expand(len(classes), -1, -1, -1)
    with CAMS[name](model, [layer]) as cam, quiet():
        return np.asarray(cam(images, [ClassifierOutputTarget(index) for index in classes]))


def library_cam_raw(name: str, model: nn.Module, layer: nn.Module, image: Tensor, classes: Sequence[int]) -> np.ndarray:
    """Return the library's maps before ReLU and rescaling, (K, h, w)."""
    images = image.expand(len(classes), -1, -1, -1)
    with CAMS[name](model, [layer]) as cam, quiet():
        logits = cam.activations_and_grads(images)
        maps, gradients = cam.activations_and_grads.activations[0].numpy(), None
        if cam.uses_gradients:
            logits[range(len(classes)), list(classes)].sum().backward()
            gradients = cam.activations_and_grads.gradients[0].numpy()
        targets = [ClassifierOutputTarget(index) for index in classes]
        return np.asarray(cam.get_cam_image(images, layer, targets, maps, gradients, False))


def captum_maps(name: str, model: nn.Module, layer: nn.Module, image: Tensor, classes: Sequence[int]) -> np.ndarray:
    """Return captum's maps with the channels joined as ours are, (K, H, W)."""
    inputs, target = image.repeat(len(classes), 1, 1, 1).requires_grad_(True), list(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name == "saliency":
            found = Saliency(model).attribute(inputs, target=target).amax(dim=1)
        elif name == "smoothgrad":
            found = by_noise_tunnel(model, inputs, target).abs().amax(dim=1)
        elif name == "input_x_gradient":
            found = InputXGradient(model).attribute(inputs, target=target).sum(dim=1)
        elif name == "integrated_gradients":
            black = (-MEAN / STD)[None, :, None, None].to(inputs).expand_as(inputs)
            found = (
                IntegratedGradients(model).attribute(inputs, black, target=target, internal_batch_size=32).sum(dim=1)
            )
        elif name == "guided_backprop":
            found = GuidedBackprop(model).attribute(inputs, target=target).sum(dim=1)
        elif name == "guided_gradcam":
            method = GuidedGradCam(model, layer)
            found = method.attribute(inputs, target=target, interpolate_mode="bilinear").sum(dim=1)
        else:
            set_rules(model)
            found = LRP(model).attribute(inputs, target=target).sum(dim=1)
    return found.detach().cpu().numpy()


def by_noise_tunnel(model: nn.Module, inputs: Tensor, target: list[int]) -> Tensor:
    """Return the mean gradient over noisy copies, (K, 3, H, W), with noise of captum's own."""
    settings: Any = create_method("smoothgrad", model).settings
    return NoiseTunnel(Saliency(model)).attribute(
        inputs,
        target=target,
        nt_samples=settings.num_samples,
        nt_samples_batch_size=COPIES_AT_ONCE,
        stdevs=settings.noise_share * float(inputs.max() - inputs.min()),
        abs=False,
    )


def by_same_noise(model: nn.Module, image: Tensor, classes: Sequence[int]) -> np.ndarray:
    """Return SmoothGrad's maps, (K, H, W), from captum's gradients of the very copies that ours takes."""
    method: Any = create_method("smoothgrad", model)
    copies = method.noisy_copies(image[0]).to(image)
    means = [
        torch.stack(
            [Saliency(model).attribute(copy[None].requires_grad_(), target=index, abs=False)[0] for copy in copies]
        ).mean(dim=0)
        for index in classes
    ]
    return torch.stack(means).abs().amax(dim=1).cpu().numpy()


def set_rules(model: nn.Module) -> None:
    """Give captum's LRP the rules of ours, and rules to the modules that it would refuse."""
    for module in model.modules():
        if not list(module.children()) and not isinstance(module, nn.ReLU):
            module.rule = GammaRule(gamma=0.25) if isinstance(module, nn.Conv2d) else EpsilonRule()
            module.rule.STABILITY_FACTOR = 1e-6


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send the library's progress bars nowhere."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


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
    path = layer_name(name, build(name, network, device, torch.float32))  # the rule tries a picture of float32
    model, image, classes = build(name, network, device, torch.float64), picture(size).double().to(device), [0, 1]
    settings = {"layer": path} if name in CAMS or name == "guided_gradcam" else {}
    (found,) = create_method(name, model, **settings).attribute(image, [classes])
    layer = model.get_submodule(path)
    if name == "smoothgrad":
        expected = by_same_noise(model, image, classes)
    else:
        expected = (library_cam_raw if name in CAMS else captum_maps)(name, model, layer, image, classes)
    if name == "eigencam":  # the sign of a singular vector is free
        expected = expected * np.sign((found * expected).sum(axis=(1, 2), keepdims=True))
    return f"{np.abs(found - expected).max() / np.abs(expected).max():.0e}"


def speed(name: str, network: str, device: str, size: int, count: int) -> str:
    """Return the cells that tell milliseconds a map, ours and the library's, and their ratio."""
    model, image, classes = build(name, network, device, torch.float32), picture(size), list(range(count))
    method = create_method(name, model, **SETTINGS.get(name, {}))
    layer = model.get_submodule(layer_name(name, model))
    moved = image.to(device)
    library = library_cam if name in CAMS else captum_maps
    repeats = 1 if name in COSTLY else 3
    ours = seconds_of(lambda: method.attribute(image, [classes]), device, repeats) / count
    theirs = seconds_of(lambda: library(name, model, layer, moved, classes), device, repeats) / count
    return f"{1e3 * ours:.{int(ours < 0.01)}f} | {1e3 * theirs:.0f} | {theirs / ours:.1f}"


def picture(size: int) -> Tensor:
    """Return noise as a network takes it, (1, 3, size, size)."""
    return torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1))


def layer_name(name: str, model: nn.Module) -> str:
    """Return the name of the layer that the library reads: the one that ours does."""
    settings: Any = create_method("gradcam", model, **SETTINGS.get(name, {})).settings
    return str(settings.layer)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 128])
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--methods", nargs="+", default=[*CAMS, *GRADIENTS])
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
