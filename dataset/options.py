"""The argument that the commands of ``brickbench dataset`` share."""

import functools
from pathlib import Path
from typing import Any

import click

from core.cli import Decorated, existing_folder


def dataset_argument(function: Decorated) -> Decorated:
    """Add DATASET; the command gets the opened `dataset`."""

    @functools.wraps(function)
    def command(*args: Any, folder: Path, **rest: Any) -> Any:
        from dataset.dataset_folder import DatasetFolder

        return function(*args, dataset=DatasetFolder.open(folder), **rest)

    return click.argument("folder", metavar="DATASET", type=existing_folder)(command)  # type: ignore[return-value]
