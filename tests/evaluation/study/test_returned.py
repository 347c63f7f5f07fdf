"""Files that people send back: taken in whole, or refused by name with what is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import BrickbenchError
from evaluation.study.answers.returned import read_returned
from evaluation.study.key import read_key

Make = Callable[..., Path]


@pytest.fixture
def make(tiny_study: Path, tmp_path: Path) -> Make:
    """Return a function that writes a file of answers, with changes, and gives its path."""
    trials = read_key(tiny_study).sheets[1].trials

    def write(name: str, count: int = 7, /, **changes: Any) -> Path:
        answers = [{"trial_id": trial.trial_id, "chosen": "left", "seconds": 2.5} for trial in trials[:count]]
        content = {
            "format": "brickbench-study-answers", "version": 1, "study_id": "tiny", "participant": "a" * 32,
            "sheet": 2, "language": "nl", "familiarity": 0, "answers": answers,
        }  # fmt: skip
        path = tmp_path / name
        path.write_text(json.dumps(content | changes), encoding="utf-8")
        return path

    return write


def test_files_become_answers(tiny_study: Path, make: Make) -> None:
    one, other = make("one.json"), make("other.json", 3, participant="b" * 32, familiarity=2, language="en")
    answers = read_returned(tiny_study, [other, one])
    assert answers.participant.tolist() == ["offline-aaaaaaaaaaaa"] * 7 + ["offline-bbbbbbbbbbbb"] * 3
    assert answers.position.tolist() == [1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
    trials = read_key(tiny_study).sheets[1].trials
    assert answers.left.tolist()[:7] == [trial.left for trial in trials]
    assert answers.winner.tolist()[:7] == [trial.left for trial in trials]
    assert answers.kind.tolist()[:7] == ["main"] * 4 + ["repeat", "swapped", "attention"]
    assert answers.familiarity.tolist() == [0] * 7 + [2] * 3
    np.testing.assert_array_equal(answers.seconds, 2.5)


def test_a_file_sent_twice_counts_once_and_the_longer_one(tiny_study: Path, make: Make) -> None:
    assert len(read_returned(tiny_study, [make("a.json", 3), make("b.json"), make("c.json", 5)])) == 7
    changed = [{"trial_id": read_key(tiny_study).sheets[1].trials[0].trial_id, "chosen": "right", "seconds": 2.5}]
    with pytest.raises(BrickbenchError, match=r"d\.json: it has other answers of the same person than .*b\.json"):
        read_returned(tiny_study, [make("b.json"), make("d.json", answers=changed)])


def test_text_with_a_byte_order_mark_and_blank_lines(tiny_study: Path, make: Make) -> None:
    path = make("one.json")
    path.write_text("\ufeff\n\n  " + path.read_text(encoding="utf-8") + "\n\n", encoding="utf-8")
    assert len(read_returned(tiny_study, [path])) == 7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"study_id": "other"}, "it answers the study 'other', not 'tiny'"),
        ({"sheet": 9}, "the study has no sheet 9"),
        ({"sheet": 1}, "answer 1 is not to trial 1 of sheet 1"),
        ({"format": "something"}, "it is no file of answers from `study bundle`"),
        ({"version": 2}, "version is not as the page writes it: Input should be 1"),
        ({"participant": "P0001"}, "participant is not as the page writes it: String should match pattern"),
        ({"familiarity": 3}, "familiarity is not as the page writes it"),
        (
            {"answers": [{"trial_id": "x", "chosen": "both", "seconds": 1}]},
            "answers.0.chosen is not as the page writes",
        ),
        ({"answers": [{"trial_id": "x", "chosen": "left", "seconds": -1}]}, "answers.0.seconds is not as the page"),
        (
            {"answers": [{"trial_id": "x", "chosen": "left"}]},
            "answers.0.seconds is not as the page writes it: Field req",
        ),
        ({"name": "me"}, "name is not as the page writes it: Extra inputs are not permitted"),
    ],
)
def test_what_is_wrong_is_said_of_each_file(tiny_study: Path, make: Make, changes: dict[str, Any], words: str) -> None:
    good, bad = make("good.json"), make("bad.json", **{"participant": "b" * 32} | changes)
    with pytest.raises(BrickbenchError) as caught:
        read_returned(tiny_study, [good, bad])
    lines = str(caught.value).splitlines()
    assert lines[0] == "1 of 2 files cannot be taken in:"
    assert lines[1].startswith(f"  {bad}: {words}")
    assert lines[2] == "Ask their senders for the file again, or leave these out."


def test_files_that_are_none(tiny_study: Path, make: Make, tmp_path: Path) -> None:
    half = make("half.json")
    half.write_text(half.read_text(encoding="utf-8")[:200], encoding="utf-8")
    (tmp_path / "picture.json").write_bytes(b"\x89PNG\xff\xfe")
    (tmp_path / "large.json").write_bytes(b" " * (2**20 + 1))
    names = ("half.json", "picture.json", "large.json", "missing.json")
    with pytest.raises(BrickbenchError) as caught:
        read_returned(tiny_study, [tmp_path / name for name in names])
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 of 4 files cannot be taken in:"
    assert "it is no JSON, or only a part of it: " in lines[1]
    assert lines[2].endswith("it is no text in UTF-8")
    assert lines[3].endswith("it is too large to be a file of answers")
    assert lines[4].endswith("it cannot be read: No such file or directory")
