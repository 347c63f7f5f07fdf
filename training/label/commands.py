"""``brickbench train predict``: which bricks are in these photos, or the logits of a split."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from core.cli import (
    count_of,
    device_option,
    existing_file,
    json_option,
    new_file,
    output_option,
    print_json,
    print_rows,
    say,
)
from core.errors import BrickbenchError, SettingsError
from core.files import all_or_none, require_new
from training.options import checkpoint_option, dataset_option, split_option

if TYPE_CHECKING:
    from training.label.label_photos import FoundPart, LabelledPhoto
    from training.label.parts_list import Answer

PHOTO_COLUMNS = ("photo", "part_id", "name", "probability", "threshold")
_OF_PHOTOS = ("output", "csv_file", "parts_list", "min_probability", "top", "views", "force", "as_json")


@dataclass(frozen=True)
class _Outcome:
    """All photos with what is told of each."""

    photos: "list[tuple[LabelledPhoto, tuple[FoundPart, ...]]]"
    answers: "list[Answer] | None"

    @property
    def failed(self) -> "list[LabelledPhoto]":
        return [photo for photo, _ in self.photos if photo.problem]

    def rows(self) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        for photo, parts in self.photos:
            if not photo.problem:
                empty: dict[str, object] = {"photo": str(photo.path)}
                rows += [empty | _plain(part) for part in parts] or [empty]
        return rows


@click.command()
@click.argument("run", metavar="RUN|CHECKPOINT", type=click.Path(exists=True, path_type=Path))
@click.argument("photos", metavar="[PHOTO|FOLDER]...", type=click.Path(path_type=Path), nargs=-1)
@dataset_option
@split_option("test", help_text="Pictures, where no photos are given.")
@click.option("--twins", is_flag=True, help="Of a split, also pictures that differ from another in one thing.")
@checkpoint_option
@output_option("Write each photo with its parts' names beside it.", default=None)
@click.option("--csv", "csv_file", type=new_file, help="Write the table as CSV.")
@click.option(
    "--parts-list", type=existing_file, default=None, help="Which of these parts are there: text, CSV, BrickLink XML."
)
@click.option(
    "--min-probability",
    type=click.FloatRange(0, 1),
    default=None,
    show_default="the thresholds chosen by train validate, else 0.5",
    help="Parts above this probability.",
)
@click.option("--top", type=click.IntRange(min=1), default=None, help="At most so many parts a photo.")
@click.option(
    "--views", type=click.Choice(["1", "2", "4"]), default="1", show_default=True, help="Average over turned views."
)
@click.option("--force", is_flag=True, help="Overwrite what -o and --csv wrote before.")
@device_option
@json_option
def predict(
    run: Path,
    photos: tuple[Path, ...],
    dataset: Path | None,
    split: str,
    twins: bool,
    checkpoint: str,
    device: str,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Say which bricks are in photos; without photos, store the logits of a split.

    Photos may be of any size and orientation; a folder stands for all pictures below it. One that cannot be read is
    named at the end, and the exit code is 1 then.

    Without photos, the logits of a split of the dataset go into the run and the index, and the file's path is printed.

    \b
    Example:
      brickbench train predict bricks/runs/first IMG_0001.jpg holiday/ -o named
      brickbench train predict bricks/runs/first holiday/ --parts-list wanted.csv
      brickbench train predict bricks/runs/first --split test
    """
    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    if not photos:
        for name in _OF_PHOTOS:
            if name in given:
                raise SettingsError(f"{_option(context, name)} is for photos: give photos, or leave it out.")
        _predict_split(run, dataset, split, checkpoint, device, twins)
        return
    for name in ("split", "twins"):
        if name in given:
            raise SettingsError(f"--{name} and photos exclude each other: give one of them.")
    outcome = _label(run, photos, dataset, checkpoint, device, **wishes)
    failed = outcome.failed
    _print(outcome, as_json)
    if failed:
        for photo in failed:
            say(f"{photo.path}: {photo.problem}")
        raise BrickbenchError(
            f"{count_of(len(failed), 'photo')} of {len(outcome.photos)} could not be read: mend or remove what is "
            "named above."
        )


def _predict_split(run: Path, dataset: Path | None, split: str, checkpoint: str, device: str, twins: bool) -> None:
    from training.run.predict import predict as predict_split
    from training.run.run import Run

    if run.is_file():
        raise SettingsError(f"A split is predicted by a run: give its folder instead of {run}, or give photos.")
    click.echo(predict_split(Run.open(run, dataset), split, checkpoint, device, say, twins=twins))


def _label(
    run: Path,
    photos: Sequence[Path],
    dataset: Path | None,
    checkpoint: str,
    device: str,
    *,
    output: Path | None,
    csv_file: Path | None,
    parts_list: Path | None,
    min_probability: float | None,
    top: int | None,
    views: str,
    force: bool,
) -> _Outcome:
    """Label the photos, write what is to be written, and return what is to be printed."""
    import numpy as np
    from scipy.special import logit

    from training.label.label_photos import label_photos, part_names, photo_files
    from training.label.labelled_pictures import picture_paths, write_labelled_picture
    from training.label.parts_list import answer_list, read_parts_list
    from training.network.devices import choose_device
    from training.run.checkpoint import load_checkpoint

    parts = None if parts_list is None else read_parts_list(parts_list)
    files, refused = photo_files(photos)
    pictures = {} if output is None else picture_paths(files, output, force=force)
    require_new(csv_file, force=force, option="--csv")
    chosen_device = choose_device(device)
    loaded = load_checkpoint(run, checkpoint, chosen_device)
    names, thresholds = part_names(loaded, dataset), loaded.thresholds
    if min_probability is not None:
        thresholds = np.full(len(loaded.classes), logit(min_probability))  # minus infinity at 0: everything is found
    labelled = [(photo, photo.found(top)) for photo in refused]
    with all_or_none(*pictures.values(), csv_file):
        for photo in label_photos(loaded, files, chosen_device, thresholds=thresholds, names=names, turns=int(views)):
            labelled.append((photo, photo.found(top)))
            if photo.path in pictures and not photo.problem:
                write_labelled_picture(photo, photo.found(top), pictures[photo.path])
        answers = None if parts is None else answer_list(parts, [photo for photo, _ in labelled], loaded.classes, names)
        outcome = _Outcome(labelled, answers)
        if csv_file is not None:
            _write_csv(outcome, csv_file)
    return outcome


def _print(outcome: _Outcome, as_json: bool) -> None:
    if as_json:
        document: dict[str, object] = {
            "photos": [
                {"photo": str(photo.path), "problem": photo.problem, "parts": [_plain(part) for part in parts]}
                for photo, parts in outcome.photos
            ]
        }
        if outcome.answers is not None:
            document["parts_list"] = [answer.as_row() | {"near": list(answer.near)} for answer in outcome.answers]
        print_json(document)
    elif outcome.answers is not None:
        print_rows([answer.as_row() for answer in outcome.answers], as_json=False)
    else:
        print_rows(outcome.rows(), as_json=False, columns=PHOTO_COLUMNS)


def _write_csv(outcome: _Outcome, path: Path) -> None:
    from core.csv_table import table_text
    from core.files import atomic_file

    rows = [[row.get(column) for column in PHOTO_COLUMNS] for row in outcome.rows()]
    with atomic_file(path) as temporary:
        temporary.write_text(table_text([PHOTO_COLUMNS, *rows]), encoding="utf-8")


def _plain(part: "FoundPart") -> dict[str, object]:
    return {
        "part_id": part.part_id,
        "name": part.name or None,
        "probability": round(part.probability, 6),
        "threshold": round(part.threshold, 6),
    }


def _option(context: click.Context, name: str) -> str:
    return next(option.opts[-1] for option in context.command.params if option.name == name)
