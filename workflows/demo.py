"""``brickbench demo``: the whole way, small, on a laptop's CPU."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click

from core.cli import output_option, print_rows, say, workers_option

# Five parts that differ in outline, so that a network trained for minutes on some hundred pictures tells them apart.
RENDER = {
    "parts": ("3001", "3795", "2431", "3039", "14769"),
    "bricks_max": 3,
    "arrangements": ("scattered",),
    "spread": 0.35,  # close together: bricks are large in a picture of 128 pixels, and hide each other
    "camera": {"margin_min": 0.02, "margin_max": 0.12},
    "views": 2,
    "image_size_px": 128,
    "samples": 4,
    "piles_per_shard": 16,
}
TRAIN = {
    "model": "bricknet",
    "model_kwargs": {"width": 0.25},
    "input_size_px": 128,
    "epochs": 50,
    "batch_size": 16,
    "learning_rate": 5e-4,
    "positive_weight": 2.0,  # a third of the labels are positive here; with 85 parts the paper took 22
    "schedule": "cosine",
}
METHODS: dict[str, dict[str, object]] = {
    "gradcam": {},
    "lime": {"num_samples": 500, "kernel_size": 2},
    "random": {},
    "center_gaussian": {},
    "edges": {},
    "uniform": {},
}
PILES = 480
EXPLAINED = 60
EXPECTED = "about 5 minutes on two CPU cores"


@dataclass(frozen=True)
class Step:
    """One stage of the demo."""

    title: str
    work: Callable[[], str]
    """Does it, or goes on with it; returns what came out in a few words."""


@click.command()
@output_option("Folder for all of it.", default=Path("demo"), show_default=True)
@click.option("--piles", type=click.IntRange(min=32), default=PILES, show_default=True, help="Piles to render.")
@click.option(
    "--epochs", type=click.IntRange(min=1), default=TRAIN["epochs"], show_default=True, help="Epochs of training."
)
@click.option(
    "--explained", type=click.IntRange(min=1), default=EXPLAINED, show_default=True, help="Test pictures to explain."
)
@workers_option
def demo(output: Path, piles: int, epochs: int, explained: int, workers: int | None) -> None:
    """Go the whole way, small: piles, training, explanations, report.

    Takes about 5 minutes on two CPU cores. Stopped and run again, it goes on where it was.

    \b
    Example:
      brickbench demo -o demo
    """
    steps = _steps(output, piles, epochs, explained, workers)
    say(f"The demo takes {EXPECTED}; stop it when you like, it goes on when run again.")
    rows = []
    for number, step in enumerate(steps, start=1):
        say(f"\n[{number}/{len(steps)}] {step.title}")
        started = time.monotonic()
        result = step.work()
        rows.append({"step": step.title, "seconds": round(time.monotonic() - started, 1), "result": result})
    rows.append({"step": "all", "seconds": round(sum(float(str(row["seconds"])) for row in rows), 1), "result": ""})
    say("")
    print_rows(rows, as_json=False)
    say(f"\nOpen {(output / 'report.html').resolve()} in a browser.")


def _steps(output: Path, piles: int, epochs: int, explained: int, workers: int | None) -> list[Step]:
    dataset, run, report = output / "piles", output / "piles" / "runs" / "bricknet", output / "report.html"

    def render() -> str:
        from render.run import render_dataset
        from render.settings import RenderSettings

        plan = render_dataset(RenderSettings.parse(RENDER), dataset, count=piles, seed=0, workers=workers, say=say)
        return f"{plan.pictures} pictures of {plan.piles} piles"

    def train() -> str:
        from training.fit.tracking import train_and_track
        from training.run.history import BEST_BY, best_epoch
        from training.run.predict import predict
        from training.run.run import Run
        from training.run.settings import TrainingSettings

        history = train_and_track(TrainingSettings.parse(TRAIN | {"epochs": epochs}), dataset, run, say=say)
        predict(Run.open(run, dataset), "test")
        best = best_epoch(history)
        return f"{len(history)} epochs; best {best['epoch']}, validation mAP {best[BEST_BY]:.3f}"

    def explain() -> str:
        from explain.bulk import explain_run
        from training.run.run import Run

        done = explain_run(Run.open(run, dataset), METHODS, split="test", limit=explained)
        return f"{done.made + done.found} maps by {len(METHODS)} methods"

    def evaluate() -> str:
        from evaluation.localization.run import score_run
        from training.run.run import Run

        score_run(Run.open(run, dataset))
        return "every map against its mask"

    def write() -> str:
        from evaluation.report.page import write_report
        from training.run.run import Run

        verdict = write_report(Run.open(run, dataset), report).verdict
        say(verdict.headline)
        return "one file, no network needed"

    return [
        Step("Render piles with Blender", render),
        Step("Train the paper's network", train),
        Step("Explain held-out pictures", explain),
        Step("Score the explanations", evaluate),
        Step("Write the report", write),
    ]
