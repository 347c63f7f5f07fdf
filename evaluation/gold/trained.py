"""Networks trained for minutes on coloured piles: what they can use is known, and what they use is measured.

Two lessons. In ``hues`` a label is a colour: the first part's red, the second's blue. In ``tied`` it is a part, whose
presence a square on the floor gives away each time, while the part's own colour says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.errors import BrickbenchError, SettingsError
from core.progress import Progress
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD, Normalizer
from dataset.loading.randomness import GOLD, seeded_torch, stream
from dataset.masks import BoolMask
from dataset.pile_dataset import PileDataset
from evaluation.gold.cases import PARTS, Case, GoldClass
from evaluation.gold.pictures import REGIONS, SIDE_PX, THINGS, Scene, large_parts, paint
from training.fit.pretrained import load_weights, packaged_weights
from training.network.models import create_model

Lesson = Literal["hues", "tied"]
PATCHES = (GoldClass("patch", "patch"), GoldClass("other_patch", "other_patch"))
COLOURINGS = 2
"""Of each picture, with other parts coloured and other things on the floor."""
EPOCHS = 6
BATCH = 32
LEARNING_RATE = 1e-3
FEWEST_PICTURES = 64
LEAST_FALL = 2.0
"""Of a logit when its reason is taken away."""
OTHERS_SHARE = 0.25
"""Of that fall, that taking anything else away may make."""
_MODEL_KWARGS: dict[str, dict[str, object]] = {"bricknet": {"width": 0.25}}


@dataclass(frozen=True)
class Lessons:
    """Pictures that are learned from."""

    images: NDArray[np.uint8]
    """(N, S, S, 3) RGB"""
    targets: NDArray[np.float32]
    """(N, 2)"""


def trained_cases(root: Path, models: Sequence[str], seed: int, epochs: int = EPOCHS) -> list[Case]:
    """Return two networks for each of `models`, which are trained on train pictures of the dataset when created.

    Args:
        root: the dataset's folder.
        models: names, as for `training.network.models.create_model`.
        seed: of the weights and of the order of pictures.
        epochs: over the coloured pictures; networks whose normalisation learns slowly need more than others.

    Raises:
        SettingsError: an unknown model.
    """
    for name in models:
        new_network(name)  # before minutes of training
    told: dict[Lesson, str] = {
        "hues": "trained to tell whether there is a red part, and whether there is a blue one",
        "tied": "trained to tell two parts, whose squares on the floor give them away",
    }
    return [
        Case(
            f"{name}_{lesson}", f"{name} {words}", partial(_trained, name, lesson, root, seed, epochs),
            PARTS if lesson == "hues" else PATCHES, ("hit", "near", "class"),
            is_trained=True,
        )
        for name in models
        for lesson, words in told.items()
    ]  # fmt: skip


def new_network(name: str) -> nn.Module:
    """Return an untrained network with two logits that takes pictures of `SIDE_PX`; raises SettingsError."""
    kwargs = dict(_MODEL_KWARGS.get(name, {}))
    if name.startswith(("vit_", "deit_")):
        kwargs["img_size"] = SIDE_PX
    try:
        return create_model(name, len(PARTS), **kwargs)
    except SettingsError:
        if "img_size" in kwargs:
            raise SettingsError(f"{name} takes no pictures of {SIDE_PX} px: choose another network.") from None
        raise


def _trained(name: str, lesson: Lesson, root: Path, seed: int, epochs: int) -> nn.Module:
    lessons = draw_lessons(root, lesson, seed)
    with seeded_torch(seed, GOLD):
        model = new_network(name)
        weights = packaged_weights(name)
        if weights is not None:
            load_weights(model, weights)
        return train(model, lessons, seed, epochs, f"{name} on {lesson}")


@cache
def draw_lessons(root: Path, lesson: Lesson, seed: int) -> Lessons:
    """Return coloured train pictures of the dataset in `root`, `COLOURINGS` of each, and their labels.

    Raises:
        BrickbenchError: the dataset has too few.
    """
    dataset = PileDataset(root, "train", with_masks=True, sources=("synthetic",))
    tied = dataset.classes[:2]
    images, targets = [], []
    for index in range(len(dataset)):
        image, masks, bricks = dataset.image(index), dataset.masks(index), dataset.all_bricks_mask(index)
        for number in range(COLOURINGS):
            rng = stream(seed, GOLD, index, number)
            there = [part in masks for part in tied] if lesson == "tied" else None
            scene = _drawn(image, masks, bricks, there, rng)
            if scene is not None:
                images.append(scene.image)
                names = ("first", "second") if there is None else ("patch", "other_patch")
                targets.append([name in scene.regions for name in names])
    if len(images) < FEWEST_PICTURES:
        raise BrickbenchError(
            f"{root} has {len(images)} train pictures that can be coloured; {FEWEST_PICTURES} are needed to train on. "
            "Render more piles."
        )
    return Lessons(np.stack(images), np.array(targets, dtype=np.float32))


def _drawn(
    image: NDArray[np.uint8],
    masks: dict[str, BoolMask],
    bricks: BoolMask,
    there: Sequence[bool] | None,
    rng: np.random.Generator,
) -> Scene | None:
    """Return a picture in which each colour and thing is there half of the time, squares as `there` says if it does."""
    large = list(large_parts(masks).values())
    parts: dict[str, BoolMask] = {}
    for name in ("first", "second"):
        if large and rng.random() < 0.5:
            mask = large.pop(int(rng.integers(len(large))))
            parts[name] = mask & ~parts["first"] if "first" in parts else mask
    coins = rng.random(len(THINGS)) < 0.5
    if there is not None:
        coins[: len(there)] = there
    return paint(image, parts, bricks, [name for name, is_there in zip(THINGS, coins, strict=True) if is_there], rng)


def train(model: nn.Module, lessons: Lessons, seed: int, epochs: int, words: str) -> nn.Module:
    """Return `model` after `epochs` of Adam on `lessons`, with half a cosine, turned and mirrored pictures, ready.

    Deterministic by `seed` on one machine.
    """
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    images, targets = torch.from_numpy(lessons.images), torch.from_numpy(lessons.targets)
    steps = len(images) // BATCH * epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.1)
    normalise, rng = Normalizer(IMAGENET_MEAN, IMAGENET_STD), stream(seed, GOLD)
    model.train()
    with Progress(words, steps, "batches") as progress:
        for _ in range(epochs):
            order = torch.from_numpy(rng.permutation(len(images)))
            for start in range(0, len(images) - BATCH + 1, BATCH):
                chosen = order[start : start + BATCH]
                batch = turned(normalise.batch(images[chosen], torch.device("cpu")), int(rng.integers(8)))
                loss = nn.functional.binary_cross_entropy_with_logits(model(batch), targets[chosen])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                progress.advance(1, note=f"loss {loss.item():.3f}")
    return model.eval()


def turned(images: Tensor, number: int) -> Tensor:
    """Return one of the eight ways in which a square can lie."""
    turned = torch.rot90(images, number % 4, dims=(2, 3))
    return turned.flip(3) if number >= 4 else turned


def uses_something_else(model: nn.Module, case: Case, scenes: Sequence[Scene]) -> str:
    """Return what else a trained network uses than its reason, in words; empty if that does not count."""
    regions = [name for name in REGIONS if name != "both_patches"]
    falls = effects(model, scenes, regions)
    for number, one in enumerate(case.classes):
        own = falls[regions.index(one.name), number]
        others = {name: fall for name, fall in zip(regions, falls[:, number], strict=True) if name != one.name}
        other = max(others, key=lambda name: abs(others[name]))
        if own < LEAST_FALL or abs(others[other]) > OTHERS_SHARE * own:
            return (
                f"its logit of {one.name} falls by {own:.1f} without it and by {others[other]:.1f} without {other}, "
                "so that its reason is not known"
            )
    return ""


def effects(model: nn.Module, scenes: Sequence[Scene], regions: Sequence[str]) -> NDArray[np.float64]:
    """Return by how much each logit falls on the mean when a region is made plain, (regions, classes)."""
    normalise = Normalizer(IMAGENET_MEAN, IMAGENET_STD)

    def logits(images: Sequence[NDArray[np.uint8]]) -> Tensor:
        return model(normalise.batch(torch.from_numpy(np.stack(images)), torch.device("cpu")))  # type: ignore[no-any-return]

    with torch.inference_mode():
        whole = logits([scene.image for scene in scenes])
        falls = [whole - logits([scene.without(region) for scene in scenes]) for region in regions]
    return torch.stack(falls).mean(dim=1).double().numpy()
