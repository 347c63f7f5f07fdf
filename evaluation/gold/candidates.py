"""Maps of which it is known how good they are: right ones, some that know nothing, and a ladder between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dataset.loading.randomness import WEIGHTS, seeded_torch
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import noise_maps
from evaluation.faithfulness.protocol import Maps, Reexplainer
from evaluation.faithfulness.unlearned import Unlearned, layers_from_the_top, made_new
from evaluation.gold.calibration import gold_checkpoint
from evaluation.gold.cases import Case
from evaluation.gold.pictures import SIDE_PX, GoldPictures
from evaluation.measure import FloatArray
from evaluation.resize import resize_maps
from explain.methods import find_method, for_network
from explain.protocol import FloatMaps

BASE = "integrated_gradients"
"""What is mixed with noise: its maps have a sign, add up, and are right on each network."""
TRUTHS = ("oracle", "lrp", BASE, "kernel_shap")
"""The mask, two methods that pass every test of `evaluate gold` on the networks that are asked, and KernelSHAP, which
finds the same as far as its superpixels allow."""
KNOW_NOTHING = ("edges", "center_gaussian", "uniform", "one_pixel")
"""Baselines, and a map that is 1 on one pixel, which is drawn, and 0 elsewhere."""
STEPS = (0.5, 0.7, 0.8, 0.9, 1.0)
"""Shares of noise on the ladder; the last is noise alone. Up to some 0.7 the reason still lies above all of the noise,
so that measures of order see a right map."""


class Mixed(Reexplainer):
    """A method whose maps are mixed with uniform noise of their own root mean square."""

    def __init__(self, name: str, settings: Mapping[str, object], model: nn.Module, noise: float) -> None:
        """Take the method as a `Reexplainer` does, and the share of noise, which is drawn by picture and class."""
        super().__init__(name, settings, model)
        self._noise = noise

    def explain(self, images: Tensor, classes: Sequence[int], model: nn.Module | None = None) -> list[FloatMaps]:
        """Return mixed maps (S, S) of one class of each of `images`, as a `Reexplainer` does."""
        drawn = noise_maps(images, np.array(classes), seed=0)
        explained = super().explain(images, classes, model)
        return [_mixed(one, noise, self._noise) for one, noise in zip(explained, drawn, strict=True)]


def _mixed(one: FloatMaps, drawn: FloatArray, share: float) -> FloatMaps:
    """Return a map (S, S) of which a `share` is noise `drawn`, brought to the map's root mean square."""
    size = float(np.linalg.norm(one) / np.linalg.norm(drawn))
    return np.asarray((1 - share) * one + share * size * drawn, dtype=np.float32)


class UnlearnedGold(Unlearned):
    """Makes networks like those of a case, with layers as torch begins them."""

    def __init__(self, case: Case) -> None:
        """Take the case."""
        self._case = case

    def cascade(self, stages: int, seed: int) -> list[nn.Module]:
        """Return `stages` copies of the network, the top 1/stages, 2/stages … of whose layers are made new."""
        fresh = self._case.create()
        with seeded_torch(seed, WEIGHTS):
            for name in layers_from_the_top(fresh):
                fresh.get_submodule(name).reset_parameters()  # type: ignore[operator]
        return made_new(fresh, self._case.create(), stages)


@dataclass(frozen=True)
class Candidates:
    """What measures are asked about: of the first class of each picture."""

    case: Case
    pictures: GoldPictures
    maps: dict[str, Maps]
    """By name: `TRUTHS`, the `STEPS` as ``50 %`` and so on, `KNOW_NOTHING`."""


def step_names() -> tuple[str, ...]:
    """Return the names of the steps from some noise to noise alone."""
    return tuple(f"{share:.0%}".replace("%", " %") for share in STEPS)


def candidates(case: Case, pictures: GoldPictures, truths: Sequence[str] = TRUTHS) -> Candidates:
    """Return the maps of a network of known reasons, of its first class, on all `pictures`.

    `truths` are methods that are right on it; `BASE` is one of them.
    """
    checkpoint = gold_checkpoint(case)
    images = torch.stack([checkpoint.network_input(scene.image) for scene in pictures.scenes])
    network = Network(checkpoint.model, checkpoint.mean, checkpoint.std)
    classes, unlearned = np.zeros(len(images), dtype=np.int64), UnlearnedGold(case)

    def as_maps(values: FloatArray, reexplainer: Reexplainer | None) -> Maps:
        return Maps(network, images, classes, values, reexplainer, unlearned=unlearned)

    def explained(name: str, reexplainer: Reexplainer) -> Maps:
        raw = reexplainer.explain(images, classes.tolist())
        policy = find_method(name).resize
        values = [resize_maps(one[None], SIDE_PX, SIDE_PX, policy)[0].astype(np.float64) for one in raw]
        return as_maps(np.stack(values), reexplainer)

    made: dict[str, Maps] = {}
    noise = noise_maps(images, classes, seed=0)
    for name in (*truths, *KNOW_NOTHING):
        if name == "oracle":
            masks = np.stack([scene.regions[case.classes[0].name] for scene in pictures.scenes])
            made[name] = as_maps(masks.astype(np.float64), None)
        elif name == "one_pixel":
            made[name] = as_maps((noise == noise.max(axis=(1, 2), keepdims=True)).astype(np.float64), None)
        else:
            made[name] = explained(name, Reexplainer(name, for_network(name, {}, checkpoint), checkpoint.model))
    settings = for_network(BASE, {}, checkpoint)
    for name, share in zip(step_names(), STEPS, strict=True):
        mixed = [_mixed(*pair, share) for pair in zip(made[BASE].maps.astype(np.float32), noise, strict=True)]
        values = np.stack(mixed).astype(np.float64)
        made[name] = as_maps(values, Mixed(BASE, settings, checkpoint.model, share))
    return Candidates(case, pictures, made)
