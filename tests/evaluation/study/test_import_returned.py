"""Files that the offline page gives back are taken in with the key of their study."""

import json

import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from evaluation.study.answers.answers import read_answer_file
from evaluation.study.answers.returned import take_in_returned
from evaluation.study.commands.import_answers import import_answers
from evaluation.study.key import read_key


def returned(study, folder, *, sheet=0, **changes):
    shown = read_key(study).sheets[sheet]
    told = {
        "format": "brickbench-study-answers",
        "version": 1,
        "study_id": "tiny",
        "participant": "0123456789abcdef" * 2,
        "sheet": shown.sheet,
        "language": "nl",
        "familiarity": 1,
        "answers": [{"trial_id": trial.trial_id, "chosen": "left", "seconds": 2.5} for trial in shown.trials],
    }
    path = folder / "answers-1.json"
    path.write_text(json.dumps(told | changes), encoding="utf-8")
    return path


def test_a_returned_file_becomes_canonical_answers(tiny_study, tmp_path):
    path, out = returned(tiny_study, tmp_path), tmp_path / "answers.parquet"
    run = CliRunner().invoke(import_answers, [str(path), "-o", str(out), "--study", str(tiny_study)])
    assert run.exit_code == 0, run.output
    assert run.output == f"7 answers of 1 person on 4 items: {out}\n"
    answers = read_answer_file(out)
    assert set(answers.chosen.tolist()) == {"left"}
    assert sorted(set(answers.kind.tolist())) == ["attention", "main", "repeat", "swapped"]
    assert set(answers.familiarity.tolist()) == {1}
    assert set(answers.language.tolist()) == {"nl"}


def test_returned_files_need_their_study_and_no_tables_beside_them(tiny_study, tmp_path):
    path = returned(tiny_study, tmp_path)
    table = tmp_path / "survey.csv"
    table.write_text("participant,item\n")
    with pytest.raises(SettingsError, match="tells no method: name its study with --study"):
        take_in_returned([path], None)
    with pytest.raises(BrickbenchError, match=r"survey.csv is no .json file: take in returned files apart from tables"):
        take_in_returned([path, table], tiny_study)
    damaged = returned(tiny_study, tmp_path, study_id="another")
    with pytest.raises(BrickbenchError, match="another"):
        take_in_returned([damaged], tiny_study)
