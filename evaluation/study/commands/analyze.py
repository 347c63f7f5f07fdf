"""``brickbench study analyze``: what the answers show, and what they do not."""

from pathlib import Path
from textwrap import shorten
from typing import Any

import click

from core.cli import (
    any_folder,
    existing_folder,
    json_option,
    new_file,
    output_option,
    print_json,
    print_rows,
    seed_option,
)
from core.errors import SettingsError
from core.files import all_or_none, require_new

NOTE_LETTERS = 48
"""Longest note in the printed table; files and JSON have them whole."""
_COLUMNS = ("group", "figure", "value", "low", "high", "p", "speaks_of", "note")


@click.command()
@click.argument("sources", metavar="STUDY_OR_ANSWERS...", type=click.Path(exists=True, path_type=Path), nargs=-1)
@output_option("The HTML report to write.", new_file, default=None)
@click.option("--first", metavar="METHOD", help="Whose share is told.", show_default="the first in the alphabet")
@click.option("--scores", metavar="RUN", type=existing_folder, help="A run whose scores choices are held against.")
@click.option("--metric", default="pixel_ap", show_default=True, help="Of these scores; see `evaluate metrics`.")
@seed_option("Of resampling, permutations.")
@click.option("--data", type=any_folder, default=None, help="Also write everything there as JSON and CSV.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@json_option
def analyze(
    sources: tuple[Path, ...],
    output: Path | None,
    first: str | None,
    scores: Path | None,
    metric: str,
    seed: int,
    data: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Say what the answers of studies show of people's preference, and what they do not.

    A source is a study that was served, or a file of answers from `study import`. Printed first is the answer for new
    people and new items, then every figure with the people and items it speaks of.

    \b
    Example:
      brickbench study analyze my_study -o study.html
      brickbench study analyze answers.parquet --first gradcam --scores bricks/runs/first --metric pixel_ap
    """
    from evaluation.study.analysis import analyze as analyze_answers
    from evaluation.study.report.contents import make_report
    from evaluation.study.report.data import NAMES, document, figures, write_data
    from evaluation.study.report.page import write_report
    from evaluation.study.report.sources import read_scores, read_sources

    if not sources:
        raise SettingsError("Name a study, or a file of answers from `brickbench study import`.")
    data_files = [data / name for name in NAMES] if data else []
    require_new(output, force=force)
    require_new(*data_files, force=force, option="--data")
    written = [*([output] if output else []), *data_files]
    read = read_sources(sources)
    known = read_scores(scores, metric) if scores else None
    result = analyze_answers(read.answers, seed=seed, first=first, scores=known)
    titles, metric_title = _titles(result.methods, metric if scores else None)
    report = make_report(read, result, titles=titles, metric=metric_title, scores=known)
    with all_or_none(*written):
        if output is not None:
            write_report(report, output)
        if data is not None:
            write_data(report, data)
    if as_json:
        print_json(document(report) | {"files": written})
        return
    click.echo(report.verdict.headline)
    click.echo(report.verdict.sentences[0] + "\n")
    short = (vars(row) | {"note": shorten(row.note, NOTE_LETTERS, placeholder=" …")} for row in figures(result))
    rows: list[dict[str, Any]] = list(short)
    print_rows(rows, as_json=False, columns=_COLUMNS)
    for path in written:
        click.echo(path)


def _titles(methods: tuple[str, ...], metric: str | None) -> tuple[dict[str, str], str]:
    """Return titles of the methods, and of the metric if there is one."""
    from evaluation.measures import MEASURES
    from explain.methods import METHODS

    titles = {}
    for name in methods:
        base, _, digest = name.partition("-")
        if base in METHODS:
            titles[name] = METHODS[base].title + (f" ({digest})" if digest else "")
    return titles, MEASURES[metric].title if metric else ""
