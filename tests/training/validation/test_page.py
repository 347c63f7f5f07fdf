"""Validation from the command line to the page: thresholds, breakdowns, JSON, HTML, and the page in a browser."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from html_page import read_alone

from core.errors import BrickbenchError, SettingsError
from training.commands import train
from training.run.run import Run
from training.validation.intervals import CLASS_SCORES
from training.validation.labelled_split import choose_and_save, find_details, find_scores, validate
from training.validation.metrics import SCORES, label_metrics
from training.validation.mistakes import worst_pictures
from training.validation.page import TITLES, render_page, write_page
from training.validation.thresholds import choose_thresholds


def _run(root: Path, *arguments: str) -> Result:
    command = ["validate", str(root / "runs/toy"), "--device", "cpu", "--resamples", "20", *arguments]
    done = CliRunner().invoke(train, command)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


@pytest.fixture
def own_mixed(mixed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(mixed, tmp_path / "dataset"))


def test_thresholds_are_chosen_kept_and_used(own_mixed: Path) -> None:
    chosen = _run(own_mixed, "--choose-thresholds", "--json")
    assert "These pictures chose the thresholds" in chosen.stderr
    document = json.loads(chosen.stdout)
    known = validate(Run.open(own_mixed / "runs/toy"), device="cpu")
    logits = choose_thresholds(known.logits, known.targets)
    assert list(document["thresholds"]["logits"].values()) == pytest.approx(logits.tolist())
    for at, key in ((np.zeros(3), "scores"), (logits, "scores_at_thresholds")):
        wanted = label_metrics(known.logits, known.targets, at)
        for name in SCORES:
            assert document[key][name]["value"] == pytest.approx(getattr(wanted, name))
    assert document["scores_at_thresholds"]["f1_macro"]["value"] >= document["scores"]["f1_macro"]["value"]

    table = _run(own_mixed, "--split", "test", "--thresholds").stdout
    assert table.splitlines()[0].split() == [
        "metric", "value", "value_low", "value_high", "chosen", "chosen_low", "chosen_high"
    ]  # fmt: skip
    on_test = json.loads(_run(own_mixed, "--split", "test", "--thresholds", "--json").stdout)
    assert on_test["thresholds"] == document["thresholds"]
    assert on_test["thresholds"]["split"] == "val"


@pytest.mark.parametrize("split", ["test", "all"])
def test_thresholds_are_not_chosen_on_what_is_tested(mixed: Path, split: str) -> None:
    run = Run.open(mixed / "runs/toy")
    known = validate(run, split, device="cpu")
    with pytest.raises(SettingsError) as error:
        choose_and_save(run, known)
    assert str(error.value) == (
        f"Thresholds chosen on split '{split}' would flatter every score on test: choose them with --split val."
    )


def test_breakdown_and_classes(mixed: Path) -> None:
    rows = json.loads(_run(mixed, "--split", "all", "--breakdown", "--json").stdout)
    by = {name: [row for row in rows if row["by"] == name] for name in {row["by"] for row in rows}}
    assert set(by) >= {"source", "bricks", "floor", "split"}
    total = json.loads(_run(mixed, "--split", "all", "--json").stdout)["pictures"]
    for name in ("source", "split"):
        assert sum(row["pictures"] for row in by[name]) == total
    assert [row["stratum"] for row in by["split"]] == ["test", "train", "val"]
    assert "map_macro_high" in _run(mixed, "--breakdown").stdout
    classes = json.loads(_run(mixed, "--per-class", "--json").stdout)
    assert [row["part_id"] for row in classes] == ["3003", "3010", "4032"]
    assert {f"{name}_low" for name in CLASS_SCORES} <= set(classes[0])


def test_document_has_every_part_of_the_page(mixed: Path) -> None:
    document = json.loads(_run(mixed, "--json").stdout)
    assert document["interval"] == {"level": 0.95, "resamples": 20, "seed": 0}
    assert document["groups"] == document["pictures"] - 1  # two photos are duplicates
    assert document["recall_by_visibility"]
    assert document["breakdown"]
    assert isinstance(document["confusions"], list)


def test_worst_pictures_are_those_with_most_mistakes(mixed: Path) -> None:
    known = validate(Run.open(mixed / "runs/toy"), device="cpu")
    thresholds = np.zeros(3)
    wrong = ((known.logits > 0) != (known.targets > 0.5)).sum(axis=1)
    found = worst_pictures(known, thresholds, 5)
    counts = [len(each.missed) + len(each.invented) for each in found]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] == wrong.max()
    place = {image_id: row for row, image_id in enumerate(known.pictures.image_ids)}
    names = np.array(known.part_names)
    for each in found:
        row = place[each.image_id]
        assert set(each.missed) == set(names[(known.targets[row] > 0.5) & (known.logits[row] <= 0)])
        assert set(each.found) == set(names[(known.targets[row] > 0.5) & (known.logits[row] > 0)])
        assert (each.width, each.height) == (64, 64)
    everyone = worst_pictures(known, thresholds, 10_000)
    assert len({known.groups[place[each.image_id]] for each in everyone}) == len(everyone)


@pytest.fixture(scope="module")
def page(mixed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    done = _run(mixed, "-o", str(path))
    assert done.stderr.endswith(f"Wrote {path}.\n")
    return path


def test_page_needs_no_network_and_shows_all(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    read_alone(html)
    for title in (*TITLES.values(), "Where it is right", "Calibration", "Confusion between parts", "Worst pictures"):
        assert title in html
    for name in ("Brick 2 x 2", "Brick 1 x 4", "Plate 2 x 2 Round", "renders", "photos"):
        assert name in html
    assert tuple(TITLES) == SCORES
    assert not re.search(r"\bnan\b", re.sub(r"base64,[^\"]*", "", html))


def test_page_is_the_same_twice(mixed: Path, page: Path) -> None:
    findings = find_scores(validate(Run.open(mixed / "runs/toy"), device="cpu"), resamples=20)
    assert render_page(findings, find_details(findings)) == page.read_text(encoding="utf-8")


def test_page_that_cannot_be_written(mixed: Path, tmp_path: Path) -> None:
    findings = find_scores(validate(Run.open(mixed / "runs/toy"), device="cpu"), resamples=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(BrickbenchError, match=r"^Cannot write .*report\.html: .*\. Choose another file with -o\.$"):
        write_page(findings, find_details(findings), tmp_path / "file" / "report.html")


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
def test_page_in_a_browser(page: Path, open_tab: Callable[..., Any], width: int) -> None:
    tab = open_tab(page.as_uri(), viewport={"width": width, "height": 800}, color_scheme="dark")
    assert tab.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    tab.click("#parts ~ .scroll th:nth-child(2) button")
    shown = tab.eval_on_selector_all("#parts ~ .tall td:nth-child(2)", "cells => cells.map(cell => +cell.innerText)")
    assert len(shown) == 3
    assert shown == sorted(shown, reverse=True)
