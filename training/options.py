"""Options that several commands of ``brickbench train`` share."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from core.cli import Decorated, existing_folder


def run_argument(function: Decorated) -> Decorated:
    """Add RUN and ``-d``; the command gets the opened `run`, whose dataset is the one given, else its own."""

    @functools.wraps(function)
    def command(*args: Any, run: Path, dataset: Path | None, **rest: Any) -> Any:
        from training.run.run import Run

        return function(*args, run=Run.open(run, dataset), **rest)

    for option in (dataset_option, click.argument("run", type=existing_folder)):
        command = option(command)
    return command  # type: ignore[return-value]


def checkpoint_option(function: Decorated) -> Decorated:
    """Add ``--checkpoint``: which one of a run."""
    return click.option(
        "--checkpoint", default="best", show_default=True, help="best (by mAP on val), last, or such as epoch_0007."
    )(function)


def checkpoint_there_option(what: str) -> Callable[[Decorated], Decorated]:
    """Return ``--checkpoint`` of a command that reads `what` (maps, scores); None is the best that has some."""
    return click.option(
        "--checkpoint",
        default=None,
        show_default=f"the best that has {what}",
        help="best (by mAP on val), last, or such as epoch_0007.",
    )


def dataset_option(function: Decorated) -> Decorated:
    """Add ``-d``: the dataset, by default that of the run."""
    return click.option(
        "-d", "--dataset", type=existing_folder, default=None, show_default="the run's own", help="The dataset."
    )(function)


def split_option(default: str, *more: str, help_text: str = "Pictures.") -> Callable[[Decorated], Decorated]:
    """Return ``--split`` with this default; `more` choices beside train, val and test."""
    return click.option(
        "--split",
        type=click.Choice(["train", "val", "test", *more]),
        default=default,
        show_default=True,
        help=help_text,
    )


def resampling_options(function: Decorated) -> Decorated:
    """Add ``--resamples`` and ``--seed``, for intervals."""
    function = click.option(
        "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the resampling."
    )(function)
    return click.option(
        "--resamples", type=click.IntRange(min=2), default=1000, show_default=True, help="For the intervals."
    )(function)


def track_option(function: Decorated) -> Decorated:
    """Add ``--track``: the tools that watch a run."""
    return click.option(
        "--track",
        type=click.Choice(["tensorboard", "wandb", "mlflow", "none"]),
        multiple=True,
        default=("tensorboard",),
        show_default=True,
        help="Where scores are watched; repeatable.",
    )(function)
