"""``brickbench study import``: answers made elsewhere, checked and taken in."""

from pathlib import Path

import click

from core.cli import (
    count_of,
    existing_file,
    existing_folder,
    json_option,
    new_file,
    output_option,
    print_json,
    print_rows,
)
from core.errors import BrickbenchError, SettingsError
from core.files import require_new


@click.command("import")
@click.argument("files", metavar="FILE...", type=existing_file, nargs=-1, required=True)
@output_option("The canonical file of answers to write: .parquet or .csv.", new_file)
@click.option("--study", type=existing_folder, help="The study that was answered: checks items and methods against it.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=HEADING", help="What a heading means.")
@click.option("--value", "values", multiple=True, metavar="FIELD:WORD=MEANING", help="What a word in a cell means.")
@click.option("--first", metavar="METHOD", help="Of counts: the method that was counted.")
@click.option("--second", metavar="METHOD", help="Of counts: the other method.")
@click.option("--skip-bad", is_flag=True, help="Leave out rows with problems and take in the rest.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
@json_option
def import_answers(
    files: tuple[Path, ...],
    output: Path,
    study: Path | None,
    columns: tuple[str, ...],
    values: tuple[str, ...],
    first: str | None,
    second: str | None,
    skip_bad: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Check answers made elsewhere and write them as one canonical file for `study analyze`.

    A FILE is a CSV table with a row an answer (participant, item, left, right, chosen, and where known familiarity,
    position, kind, expected, image_id, part_id, seconds, language), or with a row a participant (participant, trials,
    chosen_first), or a .json file that the offline page of a study gave back. If anything is wrong, all problems are
    listed and nothing is written.

    \b
    Example:
      brickbench study import survey.csv -o answers.parquet --column chosen="Your choice" --value chosen:A=left
      brickbench study import counts.csv -o answers.parquet --first gradcam --second lime
      brickbench study import returned/*.json -o answers.parquet --study my_study
    """
    from evaluation.study.answers.answers import require_ending, write_answers
    from evaluation.study.answers.import_columns import parse_columns, parse_values
    from evaluation.study.answers.importing import take_in
    from evaluation.study.answers.returned import RETURNED, take_in_returned
    from evaluation.study.key import read_key

    require_ending(output)
    require_new(output, force=force)
    if (first is None) != (second is None):
        raise SettingsError("--first and --second go together: the method that was counted, and the other one.")
    if any(file.suffix == RETURNED for file in files):
        imported = take_in_returned(files, study)
    else:
        imported = take_in(
            files,
            columns=parse_columns(columns),
            values=parse_values(values),
            methods=None if first is None or second is None else (first, second),
            key=None if study is None else read_key(study),
        )
    is_refused = bool(imported.problems) and not skip_bad
    written = None if is_refused or not len(imported.answers) else output
    if written is not None:
        write_answers(written, imported.answers)
    people, items = (len(set(getattr(imported.answers, name).tolist()) - {""}) for name in ("participant", "item"))
    if as_json:
        print_json(
            {
                "rows": imported.rows,
                "answers": len(imported.answers),
                "people": people,
                "items": items,
                "problems": [vars(problem) for problem in imported.problems],
                "file": written,
            }
        )
    elif imported.problems:
        print_rows([vars(problem) for problem in imported.problems], as_json=False)
    bad = len({(problem.file, problem.row) for problem in imported.problems})
    if is_refused:
        raise BrickbenchError(
            f"{count_of(bad, 'row')} of {imported.rows} cannot be taken in, so nothing was written. Mend them, or "
            "leave them out with --skip-bad."
        )
    if written is None:
        raise BrickbenchError("No row is left to take in, so nothing was written.")
    if not as_json:
        known = count_of(items, "item") if items else "items that are not known"
        left_out = f", {count_of(bad, 'row')} left out" if bad else ""
        click.echo(f"{count_of(len(imported.answers), 'answer')} of {_people(people)} on {known}{left_out}: {written}")


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number} people"
