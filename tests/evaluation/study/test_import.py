"""Foreign answers: what is understood, what is refused and how, and the canonical file."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from evaluation.study.answers.answers import COLUMNS, read_answer_file, write_answers
from evaluation.study.answers.import_columns import parse_columns, parse_values
from evaluation.study.answers.importing import take_in
from evaluation.study.commands.import_answers import import_answers
from evaluation.study.key import Item, Key, Sheet, Trial
from evaluation.study.power.simulation import simulate

HEADING = "participant,item,left,right,chosen,familiarity\n"


def table(tmp_path, text, name="answers.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def problems(tmp_path, text, **settings):
    found = take_in([table(tmp_path, text)], **settings)
    return [(each.row, each.column, each.problem) for each in found.problems]


def test_a_plain_table_is_taken_in_as_it_stands(tmp_path):
    found = take_in(
        [table(tmp_path, HEADING + "p1,i1,gradcam,lime,left,2\np1,i2,lime,gradcam,left,\np2,i1,lime,gradcam,R,0\n")]
    )
    assert found.problems == ()
    assert found.rows == 3
    answers = found.answers
    assert answers.participant.tolist() == ["p1", "p1", "p2"]
    assert answers.winner.tolist() == ["gradcam", "lime", "gradcam"]
    assert answers.familiarity.tolist() == [2, 2, 0]  # one person has one, told in any of the rows
    assert answers.kind.tolist() == ["main"] * 3
    assert answers.position.tolist() == [0] * 3
    assert np.isnan(answers.seconds).all()
    assert (answers.item != "").all()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_headings_words_and_delimiters_of_spreadsheets(tmp_path, delimiter):
    rows = [
        ["Respondent", "Question", "Left method", "right_method", "Winner", "Familiarity", "Time"],
        ["007", "1", "gradcam", "lime", "lime", "A bit familiar", "3.5"],
        ["007", "2", "gradcam", "lime", "GradCAM", "1.0", ""],
    ]
    path = tmp_path / "answers.csv"
    path.write_text("\n".join(delimiter.join(row) for row in rows), encoding="utf-8-sig")
    found = take_in([path])
    assert found.problems == ()
    assert found.answers.participant.tolist() == ["007", "007"]
    assert found.answers.item.tolist() == ["1", "2"]
    assert found.answers.chosen.tolist() == ["right", "left"]
    assert found.answers.familiarity.tolist() == [1, 1]
    np.testing.assert_array_equal(found.answers.seconds, [3.5, np.nan])


def test_columns_and_values_can_be_told(tmp_path):
    text = "who,q,a,b,pick,level\nx,1,lime,gradcam,A,expert\nx,2,lime,gradcam,B,expert\n"
    columns = parse_columns(["participant=who", "item=q", "left=a", "right=b", "chosen=pick", "familiarity=level"])
    values = parse_values(["chosen:A=left", "chosen:b=right", "familiarity:Expert=2"])
    answers = take_in([table(tmp_path, text)], columns=columns, values=values).answers
    assert answers.winner.tolist() == ["lime", "gradcam"]
    assert answers.familiarity.tolist() == [2, 2]


def test_every_problem_is_told_by_row_with_the_way_out(tmp_path):
    text = HEADING + (
        "p1,i1,gradcam,lime,left,0\n"
        "p1,i1,lime,gradcam,right,0\n"
        "p1,i2,lime,lime,left,1\n"
        ",i2,gradcam,lime,,\n"
        "p2,i1,GradCAM,lime,maybe,4\n"
        "p2,i2,gradcam\n"
    )
    assert problems(tmp_path, text) == [
        (
            3,
            "item",
            (
                "p1 chose between lime and gradcam on i1 in row 2 of answers.csv already. Mark repetitions in a column "
                "kind (repeat, swapped), or keep one row."
            ),
        ),
        (4, "familiarity", "of p1 is 1 here and 0 in row 2 of answers.csv. One person has one."),
        (4, "right", "is lime, the same as on the left. A choice needs two methods."),
        (5, "participant", "is empty. Fill it, or leave the row out."),
        (5, "chosen", "is empty. Fill it, or leave the row out."),
        (
            6,
            "familiarity",
            (
                "is '4'; expected 0 (not familiar), 1 (a bit familiar), 2 (familiar), or these words. Tell what it "
                "means with --value 'familiarity:4=1'."
            ),
        ),
        (6, "left", "is written GradCAM, but gradcam in row 2 of answers.csv. Write it one way."),
        (
            6,
            "chosen",
            (
                "is 'maybe': neither left nor right, nor the method on one side (GradCAM, lime). Tell what it means "
                "with --value 'chosen:maybe=left'."
            ),
        ),
        (7, "", "has 3 cells where the heading has 6. Quote cells that hold the delimiter."),
    ]


def test_repeats_checks_and_places(tmp_path):
    text = (
        "participant,item,left,right,chosen,kind,expected,position,seconds\n"
        "p1,i1,gradcam,lime,left,,,1,2.5\n"
        "p1,i1,gradcam,lime,left,repeat,,2,\n"
        "p1,i2,gradcam,decoy,left,attention,left,3,\n"
        "p1,i3,gradcam,decoy,left,attention,,3,soon\n"
        "p1,i4,gradcam,lime,left,again,,0,\n"
    )
    assert problems(tmp_path, text) == [
        (5, "expected", "of an attention check should be left or right."),
        (5, "position", "3 of p1 is taken by row 4 of answers.csv already."),
        (5, "seconds", "is 'soon', not a number from 0 up. Leave it empty where it is unknown."),
        (6, "kind", "is 'again', not one of main, repeat, swapped, attention."),
        (6, "position", "is '0', not a whole number from 1 up. Leave it empty where it is unknown."),
    ]


def test_counts_a_person_become_answers_without_items(tmp_path):
    path = table(tmp_path, "participant,items,first,familiarity\nann,10,8,0\nbob,10,10,2\n")
    answers = take_in([path], methods=("gradcam", "lime")).answers
    assert len(answers) == 20
    assert (answers.item == "").all()
    assert [(answers.winner[answers.participant == who] == "gradcam").sum() for who in ("ann", "bob")] == [8, 10]
    assert set(answers.familiarity[answers.participant == "bob"].tolist()) == {2}
    text = "participant,items,first\nann,10,11\nann,0,0\nbob,ten,\n"
    assert problems(tmp_path, text, methods=("gradcam", "lime")) == [
        (2, "chosen_first", "is 11, more than the 10 trials."),
        (3, "trials", "is 0: leave out people who answered nothing."),
        (3, "participant", "ann is counted in row 2 of answers.csv already. Keep one row a participant."),
        (4, "chosen_first", "is empty. Fill it, or leave the row out."),
        (4, "trials", "is 'ten', not a whole number from 0 up."),
    ]
    with pytest.raises(SettingsError, match=r"answers.csv counts answers but does not say of which method"):
        take_in([path])


def test_a_key_checks_items_and_tells_pictures(tmp_path):
    item = Item(
        item_id="i1", image_id="img", part_id="3001", picture="a.png", explanations={"gradcam": "b", "lime": "c"}
    )
    sheet = Sheet(sheet=1, trials=(Trial(trial_id="t", item_id="i1", left="gradcam", right="lime"),))
    key = Key(study_id="s", methods=("gradcam", "lime"), part_names={}, items=(item,), sheets=(sheet,))
    text = HEADING + "p,i1,gradcam,lime,left,0\np,i9,gradcam,lime,left,0\nq,i1,gradcam,noise,left,0\n"
    found = take_in([table(tmp_path, text)], key=key)
    assert [(each.row, each.problem) for each in found.problems] == [
        (3, "i9 is not in the study. Its items are called like i1."),
        (4, "noise is no method of i1, which has gradcam, lime."),
    ]
    assert found.answers.image_id.tolist() == ["img"]
    assert found.answers.part_id.tolist() == ["3001"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "participant,left,right,chosen\np,a,b,left\n",
            (
                "answers.csv has no column for item; it has participant, left, right, chosen. A table with one row an "
                "answer needs participant, item, left, right, chosen; one row a participant needs participant, trials, "
                "chosen_first. Name a column with --column item=HEADING."
            ),
        ),
        (HEADING, "answers.csv has a heading but no answers. Put one answer a row below it."),
        ("", "answers.csv has no heading: its first row should name the columns."),
    ],
)
def test_what_is_no_table_of_answers(tmp_path, text, message):
    with pytest.raises(BrickbenchError) as raised:
        take_in([table(tmp_path, text)])
    assert str(raised.value) == message


def test_other_encodings_are_refused(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes(HEADING.encode() + "é,i1,gradcam,lime,left,\n".encode("cp1252"))
    with pytest.raises(BrickbenchError, match=r"answers.csv is not UTF-8 text .* save it as “CSV UTF-8”"):
        take_in([path])


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_canonical_file_gives_back_what_it_was_given(tmp_path, ending):
    answers = simulate(3, 4, preference_logit=1, person_sd=1, item_sd=1, seed=0)
    answers.seconds[::2] = 1.25
    answers.participant[:4] = "007"
    path = tmp_path / f"answers.{ending}"
    write_answers(path, answers)
    back = read_answer_file(path)
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(answers, name))
        assert getattr(back, name).dtype.kind == getattr(answers, name).dtype.kind


def test_a_canonical_csv_file_can_be_taken_in_again(tmp_path):
    answers = simulate(3, 4, preference_logit=1, person_sd=1, item_sd=1, seed=0)
    path = tmp_path / "answers.csv"
    write_answers(path, answers)
    back = take_in([path])
    assert back.problems == ()
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back.answers, name), getattr(answers, name))


def test_other_files_are_no_canonical_ones(tmp_path):
    with pytest.raises(BrickbenchError, match=r"is no canonical file of answers: it lacks kind, .* study import`"):
        read_answer_file(table(tmp_path, HEADING.replace("\n", ",position\n") + "p,i,a,b,left,0,1\n"))
    with pytest.raises(BrickbenchError, match="Take in answers made elsewhere"):
        read_answer_file(table(tmp_path, "no parquet", "answers.parquet"))
    with pytest.raises(SettingsError, match=r"ends in .parquet or .csv, not like answers.xlsx"):
        write_answers(tmp_path / "answers.xlsx", simulate(2, 2, preference_logit=0, person_sd=0, item_sd=0, seed=0))


def test_the_command_takes_in_all_or_nothing(tmp_path):
    path = table(tmp_path, HEADING + "p1,i1,gradcam,lime,left,2\np1,i2,lime,lime,left,2\n")
    out = tmp_path / "answers.parquet"
    run = CliRunner().invoke(import_answers, [str(path), "-o", str(out)])
    assert isinstance(run.exception, BrickbenchError)
    assert str(run.exception) == (
        "1 row of 2 cannot be taken in, so nothing was written. Mend them, or leave them out with --skip-bad."
    )
    assert "answers.csv      3  right " in run.output
    assert not out.exists()
    run = CliRunner().invoke(import_answers, [str(path), "-o", str(out), "--skip-bad", "--json"])
    assert run.exit_code == 0
    told = json.loads(run.output)
    assert (told["rows"], told["answers"], told["people"], told["items"]) == (2, 1, 1, 1)
    assert told["problems"][0]["column"] == "right"
    assert len(read_answer_file(out)) == 1
    run = CliRunner().invoke(import_answers, [str(path), "-o", str(out)])
    assert str(run.exception) == f"{out} is there already: choose another place with -o, or give --force."


def test_wrong_options_are_explained():
    with pytest.raises(SettingsError, match=r"--column 'chosn=x' should read .* \(did you mean 'chosen'\?\)"):
        parse_columns(["chosn=x"])
    with pytest.raises(SettingsError, match="should read FIELD:WORD=MEANING, such as familiarity:expert=2"):
        parse_values(["expert=2"])
