"""Answers that people sent back from the offline page of a study."""

from collections.abc import Sequence
from pathlib import Path

from core.errors import BrickbenchError, SettingsError
from evaluation.study.answers.importing import Imported
from evaluation.study.web.returned import read_returned

RETURNED = ".json"
"""Ending of what the offline page gives."""


def take_in_returned(paths: Sequence[Path], study: Path | None) -> Imported:
    """Return the answers in `paths`, all of them files of the offline page of `study`.

    Raises:
        SettingsError: `study` is missing: the files are blind without its key.
        BrickbenchError: other files are among them, or some are damaged; then each is named with its reason.
    """
    if study is None:
        raise SettingsError("What an offline page gave back tells no method: name its study with --study.")
    others = [path.name for path in paths if path.suffix != RETURNED]
    if others:
        raise BrickbenchError(f"{others[0]} is no {RETURNED} file: take in returned files apart from tables.")
    answers = read_returned(study, paths)
    return Imported(answers, (), len(answers))
