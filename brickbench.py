"""The command `brickbench`: gathers each stage's commands, and turns errors into messages and exit codes."""

import atexit
import contextlib
import errno
import importlib.util
import os
import signal
import sys
from pathlib import Path

import click

from core.cli import LazyGroup
from core.errors import BrickbenchError

__version__ = "0.7.0"

STAGES = ("core", "blender_assets", "dataset", "render", "training", "explain", "evaluation", "workflows")

COMMANDS = {
    "demo": ("workflows.demo:demo", "Go the whole way, small: piles, training, explanations, report."),
    "doctor": ("workflows.doctor:doctor", "Say whether this machine has what Brickbench needs."),
    "parts": ("blender_assets.commands:parts", "Look at the catalogue of parts."),
    "render": ("render.commands:render", "Render labelled piles of bricks into a dataset."),
    "dataset": ("dataset.commands:dataset", "Index, import, browse, check, split and export a dataset."),
    "train": ("training.commands:train", "Train classifiers, and apply them."),
    "explain": ("explain.commands:explain", "Explain what a classifier looks at."),
    "evaluate": ("evaluation.commands:evaluate", "Score explanations, and report."),
    "study": ("evaluation.study.commands.group:study", "Ask people, blind, which explanation they prefer."),
    "status": ("workflows.status_command:status", "Say how far a render is."),
    "cluster": ("workflows.cluster.commands:cluster", "Write job files for Slurm and Kubernetes."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def cli() -> None:
    """Render piles of LEGO bricks, train on them, explain the network, and score the explanations."""


def check_origins() -> None:
    """Raise BrickbenchError if another package shadows a stage: their names are generic."""
    home = Path(__file__).resolve().parent
    for stage in STAGES:
        spec = importlib.util.find_spec(stage)
        found = Path(spec.origin).resolve().parent.parent if spec and spec.origin else None
        if found != home:
            raise BrickbenchError(
                f"The package `{stage}` is loaded from {found}, not from {home}: another installed package shadows it. "
                "Install Brickbench in an environment of its own (`make setup`)."
            )


def run() -> int:
    """Run the command line and return its exit code: 0 done, 1 failed, 2 wrong use, 130 interrupted."""
    # What a cluster sends before it takes the machine away stops a command as Ctrl-C does.
    for early in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(early, signal.default_int_handler)
    try:
        check_origins()
        cli.main(prog_name="brickbench", standalone_mode=False)
    except BrickbenchError as error:
        click.echo(f"brickbench: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("brickbench: interrupted; run the same command again to go on.", err=True)
        return 130
    except BrokenPipeError:
        return 1  # the reader of our output went away: nobody is left to tell
    except Exception as error:
        if (told := _of_a_name(error) or _of_the_disk(error)) is None:
            raise
        click.echo(f"brickbench: {told}", err=True)
        return 1
    return 0


def _of_a_name(error: Exception) -> str | None:
    """Return in one sentence that a name is no UTF-8, or that Python was told not to read it so; else None."""
    if not isinstance(error, UnicodeEncodeError):
        return None
    told = "" if (encoding := sys.getfilesystemencoding()) == "utf-8" else f", and this Python reads them as {encoding}"
    return f"Names should be UTF-8, got {error.object!a}{told}. Rename it, or set PYTHONUTF8=1 and run this again."


def _of_the_disk(error: Exception) -> str | None:
    """Return in one sentence what a disk refused, or that an index is damaged; None of any other error."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
        where = f" {error.filename}" if error.filename else ""
        return f"Cannot write{where}: {os.strerror(error.errno)}. What is whole stays: mend that, then run it again."
    if "duckdb" in sys.modules:
        from dataset.database import is_of_the_file, refusal

        if is_of_the_file(error):
            return str(refusal(error))
    return None


def main() -> None:
    """Run the command line, then end the process."""
    code = 1  # where a fault of the program's own ends it

    def end() -> None:
        # Blender and manifold3d print complaints about themselves when a process is taken down in order.
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)

    atexit.register(end)  # before any other, so after all of them
    code = run()


if __name__ == "__main__":
    main()
