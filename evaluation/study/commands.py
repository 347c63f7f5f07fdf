"""``brickbench study``: forced-choice studies with people, from the first picture to the analysis."""

import click

from core.cli import LazyGroup

COMMANDS = {
    "build": ("evaluation.study.build_command:build", "Make a study from a run's explanations."),
    "serve": ("evaluation.study.serve_command:serve", "Let people answer it in a browser."),
    "bundle": ("evaluation.study.bundle_command:bundle", "Write the study as one HTML file that works offline."),
    "import": ("evaluation.study.import_command:import_answers", "Check answers made elsewhere and take them in."),
    "analyze": ("evaluation.study.analyze_command:analyze", "Say what the answers show, and what they do not."),
    "power": ("evaluation.study.power_command:power", "Say how many people and items are needed."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def study() -> None:
    """Ask people, blind, which explanation they prefer."""
