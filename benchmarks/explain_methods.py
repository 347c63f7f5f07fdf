"""Class activation maps and gradients against pytorch-grad-cam and captum: time a map, ratio, agreement.

``python benchmarks/explain_methods.py [--device cuda] [--network resnet18] [--sizes 224 128] [--classes 1 5]`` prints
the table of docs/explaining.md. The library gets the picture once for each class in one batch, which is faster than
one call a class; its maps are compared before it rescales them. Costly methods are measured at the smallest size only.
"""

import argparse
import contextlib
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from captum.attr import LRP, GuidedBackprop, GuidedGradCam, InputXGradient, IntegratedGradients, NoiseTunnel, Saliency
from captum.attr._utils.lrp_rules import EpsilonRule, GammaRule
from pytorch_grad_cam import EigenCAM, GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, ScoreCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from explain.methods import create_method
from training.models import create_model

CAMS = {
    "gradcam": GradCAM, "gradcam_plus_plus": GradCAMPlusPlus, "hirescam": HiResCAM, "layercam": LayerCAM,
    "xgradcam": XGradCAM, "eigencam": EigenCAM, "scorecam": ScoreCAM,
}  # fmt: skip
GRADIENTS = (
    "saliency", "input_x_gradient", "guided_backprop", "guided_gradcam", "lrp", "integrated_gradients", "smoothgrad",
)  # fmt: skip
COSTLY = {"scorecam", "integrated_gradients", "smoothgrad"}
NUM_CLASSES = 85
MEAN, STD = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))


def build(name: str, network: str, device: str) -> nn.Module:
    """Return a network with random weights for one method.

    LRP is measured on bricknet with ReLU: captum's knows neither leaky ReLU nor sums outside modules, as in a ResNet,
    nor rectifiers in place.
    """
    torch.manual_seed(0)
    model = create_model("bricknet" if name == "lrp" else network, NUM_CLASSES)
    for path, module in list(model.named_modules()):
        if name == "lrp" and isinstance(module, nn.LeakyReLU):
            setattr(model, path, nn.ReLU())
    return model.to(device).eval()


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
            tunnel = NoiseTunnel(Saliency(model))
            noise = 0.15 * float(image.max() - image.min())
            found = tunnel.attribute(
                inputs, target=target, nt_samples=50, nt_samples_batch_size=6, stdevs=noise, abs=False
            )
            found = found.abs().amax(dim=1)
        elif name == "input_x_gradient":
            found = InputXGradient(model).attribute(inputs, target=target).sum(dim=1)
        elif name == "integrated_gradients":
            black = (-MEAN / STD)[None, :, None, None].to(inputs.device).expand_as(inputs)
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


def set_rules(model: nn.Module) -> None:
    """Give captum's LRP the rules of ours, and rules to the modules that it would refuse."""
    for module in model.modules():
        if not list(module.children()):
            if isinstance(module, nn.Conv2d):
                module.rule = GammaRule(gamma=0.25)
            elif not isinstance(module, nn.ReLU):
                module.rule = EpsilonRule()


@contextlib.contextmanager
def quiet() -> "contextlib.Generator[None]":
    """Send the library's progress bars nowhere."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


def seconds_of(work: Callable[[], object], device: str, repeats: int) -> float:
    """Return the shortest of some runs after one to warm up (none if `repeats` is 1).

    CPU-seconds of one thread on a CPU, which company on the machine hardly changes; on a GPU, time that passed.
    """
    clock = time.perf_counter if device.startswith("cuda") else time.process_time
    times = []
    for turn in range(repeats + (repeats > 1)):
        started = clock()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        if turn or repeats == 1:
            times.append(clock() - started)
    return min(times)


def measure(name: str, network: str, device: str, size: int, count: int) -> str:
    """Return one line of the table."""
    model = build(name, network, device)
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(1)).to(device)
    classes = list(range(count))
    method = create_method(name, model)
    layer = model.get_submodule(create_method("gradcam", model).settings.layer)
    library = library_cam if name in CAMS else captum_maps
    repeats = 1 if name in COSTLY else 3
    try:
        ours = seconds_of(lambda: method.attribute(image.cpu(), [classes]), device, repeats) / count
        theirs = seconds_of(lambda: library(name, model, layer, image, classes), device, repeats) / count
        expected = (library_cam_raw if name in CAMS else captum_maps)(name, model, layer, image, classes)
    except (TypeError, RuntimeError, AssertionError) as error:
        return f"| {name} | {size} | {count} | library fails: {str(error).splitlines()[0][:60]} |"
    (found,) = method.attribute(image.cpu(), [classes])
    if name == "eigencam":  # the sign of a singular vector is free
        expected = expected * np.sign((found * expected).sum(axis=(1, 2), keepdims=True))
    difference = (
        "other noise" if name == "smoothgrad" else f"{np.abs(found - expected).max() / np.abs(expected).max():.0e}"
    )
    return f"| {name} | {size} | {count} | {1e3 * ours:.1f} | {1e3 * theirs:.1f} | {theirs / ours:.1f} | {difference} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--network", default="resnet18")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 128])
    parser.add_argument("--classes", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--methods", nargs="+", default=[*CAMS, *GRADIENTS])
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| method | px | classes | ours, ms a map | library, ms a map | ratio | largest difference |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name in options.methods:
        for size in options.sizes if name not in COSTLY else [min(options.sizes)]:
            for count in options.classes:
                print(measure(name, options.network, options.device, size, count), flush=True)


if __name__ == "__main__":
    main()
