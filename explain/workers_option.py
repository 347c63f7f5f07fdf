"""The option by which a user says how many processes hold the network."""

import click

from core.cli import Decorated


def network_workers_option(function: Decorated) -> Decorated:
    """Add ``--workers`` of commands in which the network works in this process unless more are asked for."""
    return click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=None,
        show_default="one, or all that a Ray cluster has room for",
        help="Processes that each hold the network.",
    )(function)
