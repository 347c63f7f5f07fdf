"""How many pictures a second the training loop takes, beside the most that its network can: steps on random tensors.

    .venv/bin/python benchmarks/training_speed.py               # CPU, pictures of its own making
    .venv/bin/python benchmarks/training_speed.py --device cuda --precision bfloat16 --workers 12 --batch-size 128

The loop is `training.fit.loop.train` as `train run` calls it, on the train split of a dataset with its packed cache,
one preset of augmentation after the other. The limit is the same network, loss and optimizer, in the same memory
format and precision, stepping on one batch of random tensors that lies on the device already. Both take turns in one
process: as many steps of the limit before every pass of the loop. The share is the median over the passes of the
limit's seconds by the loop's; the first pass, which warms up, is left out. CPU-seconds are those of the process and
its workers: with workers the loop uses cores that the limit leaves alone, so look at both. Validation is compared
likewise with forward passes, and what an epoch costs besides (checkpoint, state to go on from, tables) is given in
seconds, whatever the number of pictures.
"""

import argparse
import importlib.util
import multiprocessing
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import torch

from dataset.pile_dataset import PileDataset
from training.fit import loop
from training.fit.learner import Learner, autocast, create_learner
from training.fit.team import Team
from training.network.models import create_model
from training.run.settings import TrainingSettings

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Laps:
    """Seconds and CPU-seconds a picture of every pass after the first: of the limit and of the loop."""

    limit: list[tuple[float, float]] = field(default_factory=list)
    loop: list[tuple[float, float]] = field(default_factory=list)
    validation_limit: list[tuple[float, float]] = field(default_factory=list)
    validation: list[tuple[float, float]] = field(default_factory=list)
    other: list[float] = field(default_factory=list)
    """Seconds an epoch of checkpoint, state and tables."""


class Clock:
    """Seconds and CPU-seconds since it was made, of this process and its children."""

    def __init__(self, device: torch.device) -> None:
        """Start."""
        self._device = device
        self._began = self._now()

    def each(self, pictures: int) -> tuple[float, float]:
        """Return both for one of `pictures`."""
        wall, cpu = self._now()
        return (wall - self._began[0]) / pictures, (cpu - self._began[1]) / pictures

    def _now(self) -> tuple[float, float]:
        if self._device.type == "cuda":
            torch.cuda.synchronize()
        spent = sum(os.times()[:4])
        for child in multiprocessing.active_children():
            after_name = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()
            spent += (int(after_name[11]) + int(after_name[12])) / TICKS
        return time.perf_counter(), spent


class Limit:
    """The same network, loss and optimizer as the loop's, on random tensors."""

    def __init__(self, settings: TrainingSettings, classes: tuple[str, ...], device: torch.device, first: bool) -> None:
        """Put everything on the device; `first` keeps channels first."""
        model = create_model(settings.model, len(classes), **settings.model_kwargs)
        shape = (settings.batch_size, len(classes))
        self._targets = (torch.rand(shape) < 0.3).float()
        self._learner: Learner = create_learner(model, settings, self._targets, classes, device, Team())
        layout = torch.contiguous_format if first else torch.channels_last
        model.to(memory_format=layout)  # type: ignore[call-overload]
        self._targets = self._targets.to(device)
        side = settings.input_size_px
        self._images = torch.randn(settings.batch_size, 3, side, side, device=device).contiguous(memory_format=layout)
        self._settings, self._device = settings, device

    def steps(self, count: int, size: int) -> None:
        """Train on the same batch of `size` pictures `count` times."""
        learner = self._learner
        learner.network.train()
        for _ in range(count):
            with autocast(self._settings, self._device):
                logits = learner.network(self._images[:size])
            learner.scaler.scale(learner.loss_of(logits.float(), self._targets[:size])).backward()  # type: ignore[no-untyped-call]
            learner.scaler.step(learner.optimizer)
            learner.scaler.update()
            learner.optimizer.zero_grad()

    def passes(self, count: int, size: int) -> None:
        """Label the same batch of `size` pictures `count` times."""
        self._learner.network.eval()
        with torch.inference_mode():
            for _ in range(count):
                self._learner.model(self._images[:size])


def measure(settings: TrainingSettings, root: Path, device: torch.device, results: Any, channels_first: bool) -> None:
    """Train, with the limit before each pass, and send the `Laps` into the pipe `results`."""
    classes = PileDataset(root, "train").classes
    limit, laps = Limit(settings, classes, device, channels_first), Laps()
    train_epoch, validate = loop.train_epoch, loop.validate_epoch
    ended: list[float] = []

    def timed_epoch(learner: Learner, pictures: Any, *rest: Any) -> float:
        if ended:
            laps.other.append(time.perf_counter() - ended[-1])
        size = -(-len(pictures) // pictures.batches)
        clock = Clock(device)
        limit.steps(pictures.batches, size)
        laps.limit.append(clock.each(pictures.batches * size))
        clock = Clock(device)
        loss = train_epoch(learner, pictures, *rest)
        laps.loop.append(clock.each(len(pictures)))
        return loss

    def timed_validation(learner: Learner, pictures: Any, *rest: Any) -> dict[str, float]:
        size = -(-len(pictures) // pictures.batches)
        clock = Clock(device)
        limit.passes(pictures.batches, size)
        laps.validation_limit.append(clock.each(pictures.batches * size))
        clock = Clock(device)
        scores = validate(learner, pictures, *rest)
        laps.validation.append(clock.each(len(pictures)))
        ended.append(time.perf_counter())
        return scores

    loop.train_epoch, loop.validate_epoch = timed_epoch, timed_validation
    with tempfile.TemporaryDirectory() as scratch:
        loop.train(settings, root, Path(scratch) / "run", device=str(device))
    for each in (laps.limit, laps.loop, laps.validation_limit, laps.validation):
        del each[0]
    results.send(laps)


def toy_pictures(root: Path, piles: int) -> Path:
    """Write the tests' dataset of flat shapes, 256 px, and return its folder."""
    spec = importlib.util.spec_from_file_location("toy", Path(__file__).parent.parent / "tests" / "toy.py")
    assert spec is not None
    assert spec.loader is not None
    toy = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(toy)
    made: Path = toy.make_toy_dataset(root, piles=piles, size=256)
    return made


def share(limit: list[tuple[float, float]], work: list[tuple[float, float]], which: int = 0) -> float:
    """Return the median of limit by work, of seconds (0) or CPU-seconds (1)."""
    return statistics.median(one[which] / other[which] for one, other in zip(limit, work, strict=True))


def middle(laps: list[tuple[float, float]], which: int) -> float:
    """Return the median of seconds (0) or CPU-seconds (1) a picture."""
    return statistics.median(lap[which] for lap in laps)


def main() -> None:
    """Print the tables, in Markdown."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--dataset", type=Path, help="with train and val splits; without it, flat shapes are drawn")
    parser.add_argument("--piles", type=int, default=320, help="that are drawn, of which 60 %% train")
    parser.add_argument("--models", default="bricknet,tf_efficientnet_lite0")
    parser.add_argument("--sizes", default="128,224", help="sides in pixels")
    parser.add_argument("--presets", default="none,simple,renders")
    parser.add_argument("--passes", type=int, default=3, help="that are measured, after one that warms up")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--workers", type=int, default=0, help="processes that load")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 …")
    parser.add_argument("--precision", default="float32", help="float32, bfloat16 or float16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--channels-first", action="store_true", help="of the limit alone: what channels last brings")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = arguments.dataset or toy_pictures(Path(scratch) / "toy", arguments.piles)
        run_all(arguments, root.resolve())


def run_all(arguments: argparse.Namespace, root: Path) -> None:
    """Measure every network, size and preset, each in a process of its own."""
    device = torch.device(arguments.device)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} torch threads"
    print(f"{where}, torch {torch.__version__}, {arguments.precision}, batches of {arguments.batch_size}, ", end="")
    print(
        f"{arguments.workers} workers{', compiled' if arguments.compile else ''}, {len(PileDataset(root, 'train'))} ",
        end="",
    )
    print("pictures a pass\n")
    print("| network | px | preset | limit | loop | share | CPU-ms limit | CPU-ms loop | share of CPU |")
    print("| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    rest: dict[tuple[str, int], list[Laps]] = {}
    presets = arguments.presets.split(",")
    for name, size, preset in product(arguments.models.split(","), map(int, arguments.sizes.split(",")), presets):
        settings = TrainingSettings.parse(
            {
                "model": name,
                "input_size_px": size,
                "augment_renders": preset,
                "augment_photos": preset,
                "epochs": arguments.passes + 1,
                "batch_size": arguments.batch_size,
                "workers": arguments.workers,
                "precision": arguments.precision,
                "compile": arguments.compile,
            }
        )
        context = multiprocessing.get_context("spawn")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=measure, args=(settings, root, device, sender, arguments.channels_first))
        process.start()
        sender.close()
        laps: Laps = receiver.recv()  # an EOFError if it died
        process.join()
        rest.setdefault((name, size), []).append(laps)
        print(
            f"| {name} | {size} | {preset} | {1 / middle(laps.limit, 0):.1f} | {1 / middle(laps.loop, 0):.1f} | "
            f"{share(laps.limit, laps.loop):.1%} | {1000 * middle(laps.limit, 1):.1f} | "
            f"{1000 * middle(laps.loop, 1):.1f} | {share(laps.limit, laps.loop, 1):.1%} |",
            flush=True,
        )
    print("\n| network | px | validation: limit | loop | share | besides, s an epoch |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for (name, size), found in rest.items():
        limits = [lap for laps in found for lap in laps.validation_limit]
        loops = [lap for laps in found for lap in laps.validation]
        other = statistics.median(seconds for laps in found for seconds in laps.other)
        print(
            f"| {name} | {size} | {1 / middle(limits, 0):.1f} | {1 / middle(loops, 0):.1f} | "
            f"{share(limits, loops):.1%} | {other:.2f} |"
        )


if __name__ == "__main__":
    main()
