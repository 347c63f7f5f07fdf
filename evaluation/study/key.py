"""The organiser's key of a study: which picture is which method's, and who sees what in which order."""

from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from core.errors import BrickbenchError
from core.files import atomic_file

KEY = "key.json"
PUBLIC = "public"
"""The folder of what participants may see: pictures under names that tell nothing."""


LONGEST_TRIAL_S = 86_400.0
"""A day: no answer takes longer."""


class FromOutside(BaseModel):
    """What a participant's page sends: nothing is converted, and nothing more is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Side(StrEnum):
    """Where an explanation stands, and what a participant chooses."""

    LEFT = "left"
    RIGHT = "right"

    @property
    def other(self) -> "Side":
        """Return the other side."""
        return Side.RIGHT if self is Side.LEFT else Side.LEFT


class TrialKind(StrEnum):
    """Why a trial is shown: only ``main`` ones count for the question of the study."""

    MAIN = "main"
    REPEAT = "repeat"
    """The same trial once more, for consistency."""
    SWAPPED = "swapped"
    """The same trial once more with left and right exchanged."""
    ATTENTION = "attention"
    """One side is plainly wrong: who chooses it did not look."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Item(_Frozen):
    """A picture and a class, with the explanations of it."""

    item_id: str
    image_id: str
    part_id: str
    picture: str
    """File in ``public/``, as the others below."""
    explanations: dict[str, str]
    """Method to file; a decoy for attention checks has the method ``decoy``."""
    is_right: bool | None = None
    """Whether the network's answer on the class is right, where it is known. Participants never learn it."""
    confidence: float | None = None
    """The probability that the network gives to what it says."""
    attribution_ids: dict[str, str] = {}
    """Method to the map's row in the index, to join answers with scores."""


class Trial(_Frozen):
    """One question: which of two explanations?"""

    trial_id: str
    """Opaque, and unique in the study: the only name that a participant's browser knows."""
    item_id: str
    left: str
    """Method on the left."""
    right: str
    kind: TrialKind = TrialKind.MAIN
    expected: Side | None = None
    """The side that anybody who looks chooses; None but in attention checks."""
    repeats: str | None = None
    """The trial that this one repeats or swaps."""


class Sheet(_Frozen):
    """What one participant sees, in order."""

    sheet: int
    trials: tuple[Trial, ...]


class Key(_Frozen):
    """The whole plan of a study; sheets are given out in order, and again from the first when all are taken."""

    study_id: str
    methods: tuple[str, ...]
    part_names: dict[str, str]
    items: tuple[Item, ...]
    sheets: tuple[Sheet, ...]

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        items = {item.item_id: item for item in self.items}
        trials = [trial for sheet in self.sheets for trial in sheet.trials]
        if len({trial.trial_id for trial in trials}) < len(trials):
            raise ValueError("two trials have the same trial_id")
        for trial in trials:
            known = items[trial.item_id].explanations if trial.item_id in items else {}
            if trial.left not in known or trial.right not in known or trial.left == trial.right:
                raise ValueError(f"trial {trial.trial_id} shows what item {trial.item_id} does not have")
        return self


def write_key(study: Path, key: Key) -> None:
    """Write the key of `study`, whole or not at all."""
    with atomic_file(study / KEY) as path:
        path.touch(mode=0o600)  # it says whose picture is whose
        path.write_text(key.model_dump_json(indent=1), encoding="utf-8")


def read_key(study: Path) -> Key:
    """Return the key of `study`.

    Raises:
        BrickbenchError: there is none, or it is damaged.
    """
    path = study / KEY
    if not path.is_file():
        raise BrickbenchError(f"{study} is not a study: it has no {KEY}. Make one with `brickbench study build`.")
    try:
        return Key.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise BrickbenchError(f"{path} is damaged: {error.errors()[0]['msg']}. Build the study again.") from error
