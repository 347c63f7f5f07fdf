"""The options by which a user chooses the engine."""

import functools
from collections.abc import Callable
from typing import Any

import click

from core.cli import Decorated
from core.engine import LOCAL, Engine
from core.errors import SettingsError


def engine_options(function: Decorated) -> Decorated:
    """Add ``--engine``, ``--address``, ``--worker-cpus`` and ``--worker-gpus``; the command gets an `engine`."""

    @functools.wraps(function)
    def command(
        *args: Any, engine: str, address: str | None, worker_cpus: float | None, worker_gpus: float | None, **rest: Any
    ) -> Any:
        return function(*args, engine=choose_engine(engine, address, worker_cpus, worker_gpus), **rest)

    options = (
        click.option(
            "--engine",
            type=click.Choice(["local", "ray"]),
            default="local",
            show_default=True,
            help="Where workers run: processes of this machine, or a Ray cluster.",
        ),
        click.option(
            "--address",
            metavar="HOST:PORT",
            default=None,
            show_default="RAY_ADDRESS, or one on this machine",
            help="The Ray cluster; local: a new one of this machine alone.",
        ),
        click.option(
            "--worker-cpus",
            type=click.FloatRange(min=0),
            default=None,
            show_default="1",
            help="Cores of a worker on Ray.",
        ),
        click.option(
            "--worker-gpus",
            type=click.FloatRange(min=0),
            default=None,
            show_default="0",
            help="GPUs of a worker on Ray; 0.5: two workers share one.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command  # type: ignore[return-value]


def choose_engine(name: str, address: str | None, worker_cpus: float | None, worker_gpus: float | None) -> Engine:
    """Return the engine ``local`` or ``ray``; None takes the defaults.

    Raises:
        SettingsError: options of Ray were given without it.
    """
    of_ray = {"--address": address, "--worker-cpus": worker_cpus, "--worker-gpus": worker_gpus}
    if name == "local":
        given = [option for option, value in of_ray.items() if value is not None]
        if given:
            raise SettingsError(f"{given[0]} is an option of Ray: give --engine ray too, or leave it out.")
        return LOCAL
    from core.engines.on_ray import RayEngine

    return RayEngine(address, 1.0 if worker_cpus is None else worker_cpus, worker_gpus or 0.0)


def share_option(help_text: str) -> Callable[[Decorated], Decorated]:
    """Return ``--share``: which part of the work is done, where several jobs divide it."""
    return click.option("--share", metavar="K/N", default="1/1", show_default=True, help=help_text)


def parse_share(text: str) -> tuple[int, int]:
    """Return (K, N) of ``K/N``; raises SettingsError if it reads otherwise."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal()):
        raise SettingsError(f"--share should read K/N, such as 1/4; it reads {text!r}.")
    return int(part), int(parts)
