"""A tiny study that was not built from a run: four items, two methods, three sheets of seven trials."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from core.files import sha256_hex
from evaluation.study.key import PUBLIC, Item, Key, Sheet, Side, Trial, TrialKind, write_key
from evaluation.study.settings import SETTINGS_FILE, StudySettings

METHODS = ("gradcam", "lime")


def write_study(study: Path, *, items: int = 4, sheets: int = 3, side_px: int = 64) -> Path:
    """Write a study into the folder `study`, with pictures of plain colours, and return the folder.

    A sheet has all items in an order of its own, then the first once more, the second with its sides exchanged, and an
    attention check whose right answer is on the left.
    """
    (study / PUBLIC).mkdir(parents=True)
    StudySettings(items=items, participants=sheets, repeats=1, swaps=1, attention=1, picture_px=side_px).save(
        study / SETTINGS_FILE
    )
    made = tuple(_item(study, number, side_px) for number in range(items))
    write_key(
        study,
        Key(
            study_id="tiny",
            methods=METHODS,
            part_names={"3001": "Brick 2 x 4", "3003": "Brick 2 x 2"},
            items=made,
            sheets=tuple(Sheet(sheet=number + 1, trials=_trials(number, made)) for number in range(sheets)),
        ),
    )
    return study


def _item(study: Path, number: int, side_px: int) -> Item:
    names = {}
    for place, what in enumerate(("picture", *METHODS, "decoy")):
        shade = np.full((side_px, side_px, 3), (40 * place, 60 + 40 * number, 200 - 40 * place), dtype=np.uint8)
        data = cv2.imencode(".png", shade)[1].tobytes()
        names[what] = f"{sha256_hex(data)[:20]}.png"
        (study / PUBLIC / names[what]).write_bytes(data)
    return Item(
        item_id=f"i{number}",
        image_id=f"p{number:06d}_v00",
        part_id=("3001", "3003")[number % 2],
        picture=names.pop("picture"),
        explanations=names,
        is_right=number % 2 == 0,
        confidence=0.75,
    )


def _trials(sheet: int, items: tuple[Item, ...]) -> tuple[Trial, ...]:
    order = items[sheet % len(items) :] + items[: sheet % len(items)]
    trials = []
    for place, item in enumerate(order):
        left, right = METHODS if (place + sheet) % 2 == 0 else METHODS[::-1]
        trials.append(Trial(trial_id=_trial_id(sheet, place), item_id=item.item_id, left=left, right=right))
    first, second = trials[0], trials[1]
    place = len(trials)
    return (
        *trials,
        first.model_copy(
            update={"trial_id": _trial_id(sheet, place), "kind": TrialKind.REPEAT, "repeats": first.trial_id}
        ),
        second.model_copy(
            update={
                "trial_id": _trial_id(sheet, place + 1), "kind": TrialKind.SWAPPED, "repeats": second.trial_id,
                "left": second.right, "right": second.left,
            }
        ),
        Trial(
            trial_id=_trial_id(sheet, place + 2), item_id=order[-1].item_id, left="gradcam", right="decoy",
            kind=TrialKind.ATTENTION, expected=Side.LEFT,
        ),
    )  # fmt: skip


def _trial_id(sheet: int, place: int) -> str:
    return sha256_hex(f"{sheet}/{place}".encode())[:16]


@pytest.fixture(scope="session")
def tiny_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the tiny study that tests share: read it, never write into it."""
    return write_study(tmp_path_factory.mktemp("study") / "tiny")


@pytest.fixture
def own_study(tiny_study: Path, tmp_path: Path) -> Path:
    """Return a copy of the tiny study to write into."""
    return Path(shutil.copytree(tiny_study, tmp_path / "study"))
