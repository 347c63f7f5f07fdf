"""``brickbench study``: forced-choice studies with people, from the first picture to the analysis."""

import click

from core.cli import LazyGroup

COMMANDS = {
    "build": ("evaluation.study.commands.build:build", "Make a study from a run's explanations."),
    "serve": ("evaluation.study.commands.serve:serve", "Let people answer it in a browser."),
    "bundle": ("evaluation.study.commands.serve:bundle", "Write the study as one HTML file that works offline."),
    "import": (
        "evaluation.study.commands.import_answers:import_answers",
        "Check answers made elsewhere and take them in.",
    ),
    "analyze": ("evaluation.study.commands.analyze:analyze", "Say what the answers show, and what they do not."),
    "power": ("evaluation.study.commands.power:power", "Say how many people and items are needed."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def study() -> None:
    """Ask people, blind, which explanation they prefer."""
