"""Methods for transformers: CPU time a map beside that of the plain gradient, and AttnLRP's beside LXT's.

``python benchmarks/explain_attention.py [--network vit_tiny_patch16_224] [--sizes 224 128] [--classes 5] [--lxt DIR]``
prints the table of docs/explaining.md in a minute. Classes of one picture are explained at once. DIR holds the unpacked
source of lxt 2.1 (its package wants libraries that Brickbench has no use for); its own functions are put into a copy of
the network: those for LayerNorm, for GELU, and for queries, keys and values before attention, which stays fused.
"""

import argparse
import copy
import importlib.util
import sys
import types
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from explain_methods import picture, seconds_of
from torch import Tensor, nn
from torch.nn import functional

from explain.methods import create_method, find_method
from explain.verify import relative_difference
from training.network.models import create_model

METHODS = ("attention_rollout", "chefer", "legrad", "attn_lrp", "lrp")
NUM_CLASSES = 85
REPEATS = 5


def build(network: str, size: int, dtype: torch.dtype) -> nn.Module:
    """Return a transformer with random weights."""
    torch.manual_seed(0)
    return create_model(network, NUM_CLASSES, img_size=size).to(dtype).eval().requires_grad_(False)


class Lxt:
    """AttnLRP by LXT's efficient functions, in a copy of a timm network."""

    def __init__(self, folder: Path, model: nn.Module) -> None:
        """Load the functions, and put them into a copy of `model`."""
        _load("lxt.efficient.rules", folder)  # which the other imports
        patches = _load("lxt.efficient.patches", folder)
        self._model = copy.deepcopy(model)
        for module in self._model.modules():
            if isinstance(module, nn.LayerNorm):
                module.forward = types.MethodType(patches.layer_norm_forward, module)
            elif isinstance(module, nn.GELU):
                module.original_forward = module.forward
                module.forward = types.MethodType(patches.non_linear_forward, module)
            elif hasattr(module, "fused_attn"):
                module.forward = types.MethodType(_attention(patches), module)

    def attribute(self, image: Tensor, classes: list[int]) -> list[np.ndarray]:
        """Return maps (H, W) of an image (1, 3, H, W)."""
        pixels = image.clone().requires_grad_(True)
        logits = self._model(pixels)
        gradients = [torch.autograd.grad(logits[0, index], pixels, retain_graph=True)[0] for index in classes]
        return [(pixels.detach() * one)[0].sum(dim=0).numpy() for one in gradients]


def _load(name: str, folder: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name.replace('.', '/')}.py")
    assert spec is not None
    assert spec.loader is not None
    for package in ("lxt", "lxt.efficient"):
        sys.modules.setdefault(package, types.ModuleType(package))
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _attention(patches: Any) -> Any:
    attend = patches.wrap_attention_forward(lambda _module, *values: functional.scaled_dot_product_attention(*values))

    def forward(self: Any, tokens: Tensor, attn_mask: None = None, is_causal: bool = False) -> Tensor:
        del attn_mask, is_causal
        count, length, width = tokens.shape
        parts = self.qkv(tokens).reshape(count, length, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        return self.proj(attend(self, *parts.unbind(0)).transpose(1, 2).reshape(count, length, width))

    return forward


def ways(model: nn.Module, image: Tensor, classes: list[int], lxt: Path | None) -> dict[str, Callable[[], object]]:
    """Return by name what makes the maps of an image."""
    makers: dict[str, Any] = {name: create_method(name, model) for name in ("input_x_gradient", "gradcam", *METHODS)}
    works: dict[str, Callable[[], object]] = {
        name: partial(method.attribute, image, [classes]) for name, method in makers.items()
    }
    return works | ({"attn_lrp by lxt 2.1": partial(Lxt(lxt, model).attribute, image, classes)} if lxt else {})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--network", default="vit_tiny_patch16_224")
    parser.add_argument("--sizes", type=int, nargs="+", default=[224, 128])
    parser.add_argument("--classes", type=int, default=5)
    parser.add_argument("--lxt", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    classes = list(range(options.classes))
    times: dict[str, list[float]] = {}
    for size in options.sizes:
        works = ways(build(options.network, size, torch.float32), picture(size), classes, options.lxt)
        for name, work in works.items():
            times.setdefault(name, []).append(seconds_of(work, "cpu", REPEATS) / len(classes))
    sizes = [cell for size in options.sizes for cell in (f"ms ({size} px)", "of the gradient's")]
    print(f"| method | source | {' | '.join(sizes)} |")
    print(f"| --- | --- |{' ---: |' * len(sizes)}")
    for name, own in times.items():
        plain = times["input_x_gradient"]
        cells = [f"{1e3 * one:.1f} | {one / base:.2f}" for one, base in zip(own, plain, strict=True)]
        print(f"| `{name}` | {find_method(name.split()[0]).source} | {' | '.join(cells)} |", flush=True)
    if options.lxt:
        model, image = build(options.network, options.sizes[-1], torch.float64), picture(options.sizes[-1]).double()
        (own_maps,) = create_method("attn_lrp", model).attribute(image, [classes])
        differences = map(relative_difference, own_maps, Lxt(options.lxt, model).attribute(image, classes))
        print(f"\nAttnLRP's largest difference to LXT's: {max(differences):.0e} of its map's largest value.")


if __name__ == "__main__":
    main()
