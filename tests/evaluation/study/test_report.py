"""The report of a study: words made from numbers, all parts drawn, files, and the command."""

import csv
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from evaluation.study.analysis import analyze
from evaluation.study.answers.answers import COLUMNS, Answers, write_answers
from evaluation.study.answers.importing import as_answers, count_rows
from evaluation.study.commands.analyze import analyze as command
from evaluation.study.power.simulation import simulate
from evaluation.study.report.contents import choices_by_score, make_report
from evaluation.study.report.data import document, figures, write_data
from evaluation.study.report.page import render_report
from evaluation.study.report.sources import Sources, read_sources

DRAWS = 200


def together(*parts):
    return Answers(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS})


def changed(answers, **columns):
    values = {
        name: np.array(value) if np.ndim(value) else np.full(len(answers), value) for name, value in columns.items()
    }
    return Answers(**(vars(answers) | values))


def report_of(answers, scores=None, titles=None, **settings):
    result = analyze(answers, seed=0, draws=DRAWS, scores=scores, **settings)
    return make_report(Sources(answers, ("answers.csv",), {}), result, titles=titles, metric="PixelAP", scores=scores)


@pytest.fixture(scope="module")
def rich():
    """Answers of 12 people on 9 items by three methods, with repetitions, attention checks and scores."""
    ask = {"person_sd": 0.4, "item_sd": 0.4}
    main = simulate(12, 9, preference_logit=1.4, seed=1, **ask)
    main = changed(main, image_id=np.char.add("img", main.item), part_id="3001", seconds=4.0, language="en")
    other = simulate(12, 9, preference_logit=0.8, seed=2, **ask)
    other = changed(
        other,
        familiarity=main.familiarity,
        left=np.where(other.left == "second", "third", other.left),
        right=np.where(other.right == "second", "third", other.right),
    )
    repeat = changed(main.where(np.arange(len(main)) % 9 == 0), kind="repeat")
    swapped = main.where(np.arange(len(main)) % 9 == 1)
    swapped = changed(
        swapped,
        kind="swapped",
        left=swapped.right,
        right=swapped.left,
        chosen=np.where(swapped.chosen == "left", "right", "left"),
    )
    check = changed(main.where(np.arange(len(main)) % 9 == 2), kind="attention", expected="left", right="decoy")
    check = changed(check, chosen=np.where(check.participant == "p002", "right", "left"))
    rng = np.random.default_rng(0)
    scores = {
        (f"img{item}", "3001", method): float(rng.normal(lead))
        for item in sorted(set(main.item.tolist()))
        for method, lead in (("first", 1.0), ("second", 0.0))
    }
    return together(main, other, repeat, swapped, check), scores


@pytest.fixture(scope="module")
def rich_report(rich):
    answers, scores = rich
    return report_of(answers, scores, titles={"first": "Grad-CAM", "second": "LIME"}, first="first")


def test_the_clustered_answer_comes_first_and_the_pooled_test_is_warned_of(rich_report):
    verdict, group = rich_report.verdict, rich_report.result.everyone
    assert verdict.headline == "People prefer Grad-CAM to the others, on other pictures of this kind too."
    share = group.generalisation.share
    assert verdict.sentences[0].startswith(
        f"Of new people on new items, Grad-CAM would be chosen in {100 * share.value:.0f} % ({100 * share.low:.0f} to "
    )
    assert re.search(r"pooled binomial test .* rejects what is true in about 20 ?% of studies", verdict.caveats[0])
    assert any(text.startswith("For these 12 people and 9 items only: Grad-CAM in ") for text in verdict.sentences)
    assert any("1 of 12 people failed an attention check" in text for text in verdict.sentences)
    assert any("On one scale (Bradley-Terry)" in text for text in verdict.sentences)


def test_no_preference_is_not_called_likeness():
    answers = simulate(10, 10, preference_logit=0.0, person_sd=0.5, item_sd=0.5, seed=4)
    verdict = report_of(answers).verdict
    assert verdict.headline == "These answers do not show whether people prefer first or second."
    assert any(text.startswith("“Not shown” is no proof") for text in verdict.caveats)
    assert any("With 10 people and 10 items the variation" in text for text in verdict.caveats)


def test_counts_say_nothing_of_items():
    rows = []
    for person in range(10):
        cells = {"participant": f"p{person}", "trials": "10", "chosen_first": str(7 + person % 3)}
        rows += count_rows(cells, "gradcam", "lime")
    report = report_of(as_answers(rows, {}))
    assert "items" not in report.verdict.sentences[0]
    assert "Which answer is on which item is not known, so nothing can be said of new items." in report.verdict.caveats
    html = render_report(report)
    assert "It is not known which answer is on which item." in html
    assert "Items as a table" not in html
    assert not {"randomisation of sides", "left chosen"} & {
        row.figure for row in figures(report.result) if row.p == row.p
    }


def test_figures_stand_in_order_and_say_of_whom_they_speak(rich_report):
    rows = figures(rich_report.result)
    names = [row.figure for row in rows if row.group == "everyone"]
    wanted = [
        "share, Wilson's interval",
        "share, exact interval",
        "randomisation of sides",
        "share, crossed-effects model",
        "share, two-way bootstrap",
        "trend with familiarity",
        "left chosen",
        "same choice, repeated",
        "same choice, swapped",
        "Krippendorff's alpha",
        "Fleiss' kappa",
        "Cochran's Q of items",
        "strength of first",
        "higher score chosen",
        "attention checks passed",
    ]
    assert [name for name in names if name in wanted] == wanted
    told = {row.figure: row for row in rows if row.group == "everyone"}
    assert told["share, Wilson's interval"].speaks_of == "these only"
    assert told["share, crossed-effects model"].speaks_of == "new people and items"
    assert [row.figure for row in rows if row.group == "attentive"][3] == "share, crossed-effects model"


def test_the_page_has_every_part_no_network_and_the_same_bytes(rich_report, rich):
    html = render_report(rich_report)
    for title in ("Familiarity with deep learning", "Left and right", "All methods on one scale", "Attention checks"):
        assert f">{title}</h2>" in html
    assert not re.search(r"(src|href)=\"https?:", html)
    assert html.count("<svg role=") == html.count('aria-label="Share') + html.count('aria-label="Strength') == 9
    assert "p002" not in html  # names of people are left out
    assert "nan" not in re.sub(r"[a-z]nan|nan[a-z]", "", html.lower())
    answers, scores = rich
    again = report_of(answers, scores, titles={"first": "Grad-CAM", "second": "LIME"}, first="first")
    assert render_report(again) == html


def test_choices_rise_with_the_score_where_people_follow_it():
    answers = simulate(10, 12, preference_logit=0.0, person_sd=0.0, item_sd=0.0, seed=3)
    answers = changed(answers, image_id=answers.item, part_id="x")
    value = {item: place / 11 for place, item in enumerate(sorted(set(answers.item.tolist())))}
    scores = {
        (item, "x", method): sign * of for item, of in value.items() for method, sign in (("first", 1), ("second", -1))
    }
    left = np.array([scores[item, "x", method] for item, method in zip(answers.item, answers.left, strict=True)])
    answers = changed(answers, chosen=np.where(left > 0, "left", "right"))
    groups = choices_by_score(answers, scores)
    assert [at for at, _ in groups] == sorted(at for at, _ in groups)
    assert groups[0][1].value == 0.0
    assert groups[-1][1].value == 1.0
    assert len(groups) == 6
    assert choices_by_score(answers, {}) == ()


def test_everything_comes_as_json_and_csv(rich_report, tmp_path):
    paths = write_data(rich_report, tmp_path / "data")
    assert [path.name for path in paths] == ["study.json", "figures.csv", "groups.csv"]
    told = json.loads(paths[0].read_text())
    assert told["analysis"]["first"] == "first"
    assert told["analysis"]["attention"]["failed_people"] == 1
    assert told["headline"] == rich_report.verdict.headline
    assert "p002" not in paths[0].read_text()
    rows = list(csv.DictReader(paths[2].read_text().splitlines()))
    assert [row["by"] for row in rows] == ["item"] * 9 + ["person"] * 12 + ["familiarity"] * 3
    assert rows[9]["name"] == "Person 1"
    assert document(rich_report)["provenance"]["Of these"] == ("216 main, 12 repeated, 12 swapped, 12 attention checks")


def test_sources_are_joined_and_people_kept_apart(tmp_path):
    ask = {"preference_logit": 1, "person_sd": 1, "item_sd": 1, "seed": 0}
    one, two = simulate(3, 4, **ask), simulate(2, 4, **ask)
    two = changed(two, participant=np.char.add("q", two.participant))
    for name, answers in (("one.csv", one), ("two.csv", two)):
        write_answers(tmp_path / name, answers)
    read = read_sources([tmp_path / "one.csv", tmp_path / "two.csv"])
    assert len(read.answers) == 20
    assert read.names == ("one.csv", "two.csv")
    write_answers(tmp_path / "again.parquet", one)
    assert read_sources([tmp_path / "again.parquet"]).digest == read_sources([tmp_path / "one.csv"]).digest
    with pytest.raises(BrickbenchError, match=r"Participant p001 is in .*one.csv and in .*again.parquet. Name each"):
        read_sources([tmp_path / "one.csv", tmp_path / "again.parquet"])


def test_the_command_writes_and_prints_the_answer(tmp_path):
    write_answers(tmp_path / "a.csv", simulate(8, 8, preference_logit=1.5, person_sd=0.3, item_sd=0.3, seed=0))
    args = [str(tmp_path / "a.csv"), "-o", str(tmp_path / "r.html"), "--data", str(tmp_path / "d")]
    run = CliRunner().invoke(command, args)
    assert run.exit_code == 0, run.output
    lines = run.output.splitlines()
    assert lines[0] == "People prefer first to second, on other pictures of this kind too."
    assert lines[1].startswith("Of new people on new items, first would be chosen in ")
    assert lines[-4].endswith("r.html")
    run = CliRunner().invoke(command, args)
    assert (
        str(run.exception) == f"{tmp_path / 'r.html'} is there already: choose another place with -o, or give --force."
    )
    run = CliRunner().invoke(command, [str(tmp_path / "a.csv"), "--json", "--first", "second"])
    told = json.loads(run.output)
    assert told["analysis"]["first"] == "second"
    assert isinstance(CliRunner().invoke(command, []).exception, SettingsError)
