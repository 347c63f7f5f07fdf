"""How many pictures a second and core come from files to a network, beside torchvision's ImageFolder with PIL.

    .venv/bin/python benchmarks/loader_speed.py --dataset bricks --backgrounds floors
    .venv/bin/python benchmarks/loader_speed.py --dataset bricks --gpu     # how long a resnet18 waits for data

Both read the same files of the dataset's train split, in one run, taking turns. Each measurement is a process of its
own that goes through some hundred pictures; its CPU-seconds, those of its workers included, are counted from after the
first batch, and the best of the repeats is taken: other work on the machine only ever adds. *Files* decodes every
picture every time, *packed* takes it from the packed cache. *Same work* draws every step for every picture, as
torchvision's recipe does; presets draw each step with its own probability and are compared with that same recipe.
"""

import argparse
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import timm
import torch
import torchvision
from torchvision import transforms

from dataset.loading import viewpoint
from dataset.loading.augment import PRESETS, AugmentSettings
from dataset.loading.batches import Key
from dataset.loading.cache import CACHE_FOLDER, picture_files
from dataset.loading.loader import PictureLoader
from dataset.loading.network_input import IMAGENET_MEAN, IMAGENET_STD
from dataset.loading.settings import LoadingSettings
from dataset.pile_dataset import PileDataset

BATCH = 32
SAME_WORK = AugmentSettings(
    quarter_turns=False, rotate_deg=0, zoom=1, crop_area_min=0.08, crop_stretch=4 / 3,
    brightness=0.2, hue_deg=7.2, saturation=0.2,
)  # fmt: skip
PLAIN_RECIPE = [transforms.Resize((224, 224))]
USUAL_RECIPE = [
    transforms.RandomResizedCrop(224),
    transforms.RandomHorizontalFlip(),
    transforms.ColorJitter(0.2, 0.2, 0.2, 0.02),
]


def torchvision_batches(folder: Path, recipe: list[Any], workers: int) -> Iterator[object]:
    """Yield batches of torchvision's ImageFolder without end."""
    steps = [*recipe, transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    pictures = torchvision.datasets.ImageFolder(str(folder), transforms.Compose(steps))
    loader = torch.utils.data.DataLoader(
        pictures, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=True
    )
    while True:
        yield from loader


def our_batches(
    root: Path, augment: AugmentSettings, cache_mb: int, workers: int, backgrounds: Path | None, *, always: bool
) -> Iterator[object]:
    """Yield Brickbench's batches without end; `always` draws every step for every picture."""
    settings = LoadingSettings(
        batch_size=BATCH, augment_renders=augment, augment_photos=augment, cache_mb=cache_mb, workers=workers,
        backgrounds=backgrounds,
    )  # fmt: skip
    loader = PictureLoader(PileDataset(root, "train"), settings)
    if always:
        viewpoint.UNWARPED = 0.0
        for variation in loader.samples._variations:
            for step in (*variation._cropping.transforms, *variation._whole.transforms):
                step.p = 1.0
    for epoch in range(1, 1_000_000):
        yield from loader.epoch(epoch)


def cpu_seconds() -> float:
    """Return the CPU-seconds of this process and of its children that have ended."""
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(make: Callable[[], Iterator[Any]], pictures: int, workers: int) -> float:
    """Return the pictures a CPU-second of one measurement, made in a process of its own."""
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def work() -> None:
        torch.set_num_threads(1)
        cv2.setNumThreads(0)
        batches = make()
        next(batches)
        before, done = cpu_seconds(), 0
        while done < pictures:
            batch = next(batches)
            done += len(batch[0])
        if workers:
            batches.close()  # type: ignore[attr-defined]
            del batches  # ends the workers, whose time is only then known
        sender.send(done / (cpu_seconds() - before))

    process = multiprocessing.get_context("fork").Process(target=work)
    process.start()
    sender.close()
    rate: float = receiver.recv()
    process.join()
    return rate


def main() -> None:
    """Print the tables, in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--dataset", type=Path, required=True, help="with a train split, such as 48 renders of 512 px")
    parser.add_argument("--backgrounds", type=Path, help="folder of floors to paste on")
    parser.add_argument("--pictures", type=int, default=480, help="a measurement")
    parser.add_argument("--repeats", type=int, default=5, help="the best is taken")
    parser.add_argument("--workers", type=int, default=0, help="processes that load")
    parser.add_argument("--gpu", action="store_true", help="measure how long a resnet18 waits for data")
    arguments = parser.parse_args()
    if arguments.gpu:
        waiting(arguments)
        return
    with tempfile.TemporaryDirectory() as scratch:
        compare(arguments, Path(scratch))


def compare(arguments: argparse.Namespace, scratch: Path) -> None:
    """Print the table of rates."""
    root, workers = arguments.dataset.resolve(), arguments.workers
    split = PileDataset(root, "train")
    (scratch / "all").mkdir()
    for number, file in enumerate(picture_files(root, split.image_ids)):
        (scratch / "all" / f"{number:06d}{Path(file.file).suffix}").symlink_to(root / file.file)
    copy = scratch / "dataset"  # so that packing is measured, and the dataset's own cache stays
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(CACHE_FOLDER, "runs"))
    before = time.process_time()
    next(our_batches(copy, PRESETS["none"], 8192, 0, None, always=False))
    print(f"\nPacking {len(split)} pictures: {len(split) / (time.process_time() - before):.0f} a CPU-second.\n")

    def ours(augment: AugmentSettings, cache_mb: int, *, always: bool = False) -> Callable[[], Iterator[Any]]:
        backgrounds = arguments.backgrounds if augment.paste else None
        return lambda: our_batches(copy, augment, cache_mb, workers, backgrounds, always=always)

    def theirs(recipe: list[Any]) -> Callable[[], Iterator[Any]]:
        return lambda: torchvision_batches(scratch, recipe, workers)

    rows: list[tuple[str, tuple[Callable[[], Iterator[Any]], ...]]] = [
        ("plain: resize, normalise", (theirs(PLAIN_RECIPE), ours(PRESETS["none"], 0), ours(PRESETS["none"], 8192))),
        (
            "same work: crop, flip, colour",
            (theirs(USUAL_RECIPE), ours(SAME_WORK, 0, always=True), ours(SAME_WORK, 8192, always=True)),
        ),
        *(
            (f"preset {name}", (theirs(USUAL_RECIPE), ours(PRESETS[name], 0), ours(PRESETS[name], 8192)))
            for name in ("simple", "photos", "renders")
        ),
    ]
    best: dict[tuple[int, int], float] = {}
    for _ in range(arguments.repeats):
        for row, (_, makes) in enumerate(rows):
            for column, make in enumerate(makes):
                rate = measure(make, arguments.pictures, workers)
                best[row, column] = max(best.get((row, column), 0.0), rate)
    print("| work | ImageFolder + PIL | files | ratio | packed | ratio |\n| --- | ---: | ---: | ---: | ---: | ---: |")
    for row, (title, _) in enumerate(rows):
        base, files, packed = (best[row, column] for column in range(3))
        print(f"| {title} | {base:.0f} | {files:.0f} | {files / base:.1f} | {packed:.0f} | {packed / base:.1f} |")


def waiting(arguments: argparse.Namespace) -> None:
    """Print the share of time that a resnet18 step waits for data, preset by preset."""
    if not torch.cuda.is_available():
        raise SystemExit("torch finds no CUDA device here: run --gpu where there is one")
    workers = arguments.workers or max((os.cpu_count() or 2) - 1, 1)
    print(f"{torch.cuda.get_device_name()}, {workers} workers, batches of 128 at 224 px, bfloat16, channels last\n")
    print("| preset | pictures/s | waiting |\n| --- | ---: | ---: |")
    for name in ("none", "simple", "photos", "renders"):
        preset = PRESETS[name]
        settings = LoadingSettings(
            batch_size=128,
            augment_renders=preset,
            augment_photos=preset,
            workers=workers,
            backgrounds=arguments.backgrounds if preset.paste else None,
        )
        loader = PictureLoader(PileDataset(arguments.dataset, "train"), settings, device="cuda")
        seconds, waited, done = train_steps(stretched(loader), len(loader.targets[0]), torch.device("cuda"), steps=150)
        print(f"| {name} | {done / seconds:.0f} | {waited / seconds:.1%} |", flush=True)


def stretched(loader: PictureLoader, batches: int = 100) -> PictureLoader:
    """Return `loader` with epochs of some hundred batches, however few pictures it has: as those of a large dataset."""
    plan = loader._plan
    times = -(-batches * plan.batch_size // len(plan.is_real))
    whole_batches = plan.whole_batches

    def long_epoch(epoch: int) -> list[list[Key]]:
        keys = [key for n in range(times) for batch in whole_batches((epoch - 1) * times + n + 1) for key in batch]
        return [keys[first : first + plan.batch_size] for first in range(0, len(keys), plan.batch_size)]

    object.__setattr__(plan, "whole_batches", long_epoch)
    return loader


def train_steps(
    loader: PictureLoader, classes: int, device: torch.device, steps: int, warm_up: int = 20
) -> tuple[float, float, int]:
    """Return seconds, seconds of them spent waiting for data, and pictures of `steps` steps after a warm-up."""
    model = timm.create_model("resnet18", num_classes=classes).to(device, memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    batches = (batch for epoch in range(1, 1_000_000) for batch in loader.epoch(epoch))
    began = waited = 0.0
    done = 0
    for step in range(steps + warm_up):
        if step == warm_up:
            began, waited, done = time.perf_counter(), 0.0, 0
        asked = time.perf_counter()
        batch = next(batches)
        waited += time.perf_counter() - asked
        with torch.autocast(device.type, torch.bfloat16):
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(batch.images), batch.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        done += len(batch.images)
    return time.perf_counter() - began, waited, done


if __name__ == "__main__":
    main()
