"""The report: one file, the same bytes, words for those who do not see, and in a browser no error."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from html_page import read_alone

from evaluation.commands import evaluate
from evaluation.localization.registry import METRICS
from evaluation.localization.run import score_run
from evaluation.report.gallery import choose_own, choose_pairs
from evaluation.report.page import Report, write_report
from evaluation.statistics.table import MethodLabel, ScoreTable, load_scores
from explain.bulk import explain_run
from explain.method_key import MethodKey
from training.run.predict import predict
from training.run.run import Run


@pytest.fixture(scope="module")
def scored(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset whose run is explained, applied and scored: read it, never write into it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("scored") / "dataset"))
    run = root / "runs" / "toy"
    predict(Run.open(run, root), device="cpu")
    methods = {"gradcam": {}, "lime": {"num_samples": 12}, "random": {}, "uniform": {}}
    explain_run(Run.open(run, root), methods, limit=4, device="cpu")
    score_run(Run.open(run, root))
    return root


def keep_metrics(run: Path, *metrics: str) -> None:
    """Leave of a run's scores those of some metrics: a report of them is drawn in a third of the time."""
    for path in (run / "scores").glob("*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table.filter(pc.field("metric").isin(metrics)), path)


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes(scored: Path, tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_report(Run.open(scored / "runs" / "toy", scored), tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


@pytest.fixture(scope="module")
def written(scored: Path, tmp_path_factory: pytest.TempPathFactory) -> Report:
    """Return the report of `scored` with its data beside it: read it, never write into its folder."""
    folder = tmp_path_factory.mktemp("written")
    return write_report(
        Run.open(scored / "runs" / "toy", scored), folder / "report.html", cases=3, data=folder / "data"
    )


def test_it_stands_alone_and_speaks(scored: Path, written: Report) -> None:
    made = written
    text = made.path.read_text(encoding="utf-8")
    page = read_alone(text)
    assert page.without_words == []
    sections = [
        "scores",
        "ranking",
        "truth",
        "pairs",
        "where",
        "mass",
        "splits",
        "gallery",
        "network",
        "metrics",
        "provenance",
    ]
    assert page.sections == sections
    assert str(scored) not in text  # where it was made is no part of the result
    assert made.verdict.headline in text
    assert "LIME was not tested on networks whose reasons are known, with these settings." in made.verdict.caveats
    assert '<th scope="row">Grad-CAM</th><td>pass</td>' in text  # it finds known reasons
    for words in ("chance", "Grad-CAM − LIME", "num_samples 12", "nearest resizing", "logit", "lime 0.2.0.1"):
        assert words in text


def test_without_explanations_or_pictures_it_still_says_so(scored: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(scored, tmp_path / "dataset"))
    run = root / "runs" / "toy"
    for folder in [*run.glob("attributions/gradcam-*"), *run.glob("attributions/lime-*")]:
        shutil.rmtree(folder)
    keep_metrics(run, "mass_accuracy", "pixel_ap")
    made = write_report(Run.open(run, root), tmp_path / "report.html", cases=0)
    text = made.path.read_text(encoding="utf-8")
    assert "Only baselines were scored" in text
    assert 'id="gallery"' not in text


def test_the_gallery_shows_each_picture_once_and_says_why() -> None:
    values = np.array([[0.9, 0.8, 0.1, 0.5, np.nan, 0.6, 0.9], [0.9, 0.2, 0.1, 0.5, 0.9, 0.9, 0.1]])[:, None, :]
    table = ScoreTable(
        run_id="toy",
        checkpoint="epoch_0001",
        methods=(
            MethodLabel(MethodKey.parse("a"), "a", "A", False),
            MethodLabel(MethodKey.parse("b"), "b", "B", False),
        ),
        metrics=("mass_accuracy",),
        metric_settings={},
        pairs=tuple((f"image{place}", "3001") for place in range(7)),
        piles=np.arange(7),
        values=values,
        status=np.full(values.shape, "ok"),
        chance=np.full(values.shape, 0.1),
        rows={},
    )
    chosen = choose_pairs(table, [0, 1], 5)
    assert chosen == [("best", 0), ("median", 3), ("worst", 2), ("A ahead of B", 6), ("B ahead of A", 5)]
    assert len(choose_pairs(table, [0, 1], 50)) == 6  # the pair without a value is never shown
    assert choose_own(table, 0) == [("best", 0), ("median", 5), ("worst", 2)]
    table.values[1, 0, 1:] = np.nan
    assert choose_own(table, 1) == [("best", 0)]


def add_checkpoint(run: Path, name: str, shift: float) -> None:
    """Add maps of another checkpoint to a run: the same files under another name, with scores moved by `shift`."""
    for path in sorted((run / "attributions").glob("*/000000.parquet")):
        rows = pq.read_table(path)
        old = rows.column("checkpoint")[0].as_py()
        identities = [each.replace(old, name) for each in rows.column("attribution_id").to_pylist()]
        rows = rows.set_column(0, "attribution_id", pa.array(identities))
        place = rows.column_names.index("checkpoint")
        pq.write_table(rows.set_column(place, "checkpoint", pa.array([name] * len(rows))), path.with_stem("000100"))
    for path in sorted((run / "scores").glob("*-000000.parquet")):
        rows = pq.read_table(path)
        moved = [None if value is None else value + shift for value in rows.column("value").to_pylist()]
        identities = [each.replace(old, name) for each in rows.column("attribution_id").to_pylist()]
        rows = rows.set_column(0, "attribution_id", pa.array(identities))
        place = rows.column_names.index("value")
        rows = rows.set_column(place, rows.schema.field(place), pa.array(moved, pa.float64()))
        pq.write_table(rows, path.with_name(path.name.replace("000000", "000100")))


@pytest.fixture(scope="module")
def full(scored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with a run of two scored checkpoints and a second run beside it."""
    root = Path(shutil.copytree(scored, tmp_path_factory.mktemp("full") / "dataset"))
    run, second = root / "runs" / "toy", root / "runs" / "second"
    shutil.copytree(run, second)
    info = (second / "run.yaml").read_text(encoding="utf-8")
    (second / "run.yaml").write_text(info.replace("run_id: toy", "run_id: second"), encoding="utf-8")
    add_checkpoint(run, "epoch_0000", -0.05)
    return root


@pytest.mark.slow
def test_checkpoints_and_further_runs_have_their_sections(full: Path, tmp_path: Path) -> None:
    run = full / "runs" / "toy"
    text = write_report(Run.open(run, full), tmp_path / "one.html", cases=0).path.read_text(encoding="utf-8")
    assert 'id="epochs"' in text
    assert "From epoch 0 to epoch 1, on the same pairs, rank accuracy" in text
    assert "between epoch_0000, epoch_0001" in text
    assert "Checkpoints follow one another and are no independent runs." in text
    both = write_report(Run.open(run, full), tmp_path / "two.html", cases=0, also=[full / "runs" / "second"])
    text = both.path.read_text(encoding="utf-8")
    assert "between toy, second" in text
    assert "2 training runs explained the same 8 pairs" in text
    assert any(caveat.startswith("2 training runs of one dataset") for caveat in both.verdict.caveats)


def test_data_files_hold_every_score(scored: Path, written: Report) -> None:
    run, made, data = scored / "runs" / "toy", written, written.path.parent / "data"
    assert [path.name for path in made.files] == ["report.json", "scores.json", "scores.csv", "scores.parquet"]
    rows = pq.read_table(data / "scores.parquet")
    columns = ["attribution_id", "metric", "value"]
    held = pa.concat_tables(
        [pq.read_table(path, columns=columns) for path in sorted((run / "scores").glob("*.parquet"))]
    )
    by_map = dict(zip(zip(held["attribution_id"].to_pylist(), held["metric"].to_pylist(), strict=True),
                      held["value"].to_pylist(), strict=True))  # fmt: skip
    assert rows.num_rows == len(by_map)
    for row in rows.to_pylist():
        wanted = None if row["status"] == "no_zero" else by_map[row["attribution_id"], row["metric"]]
        assert row["value"] == wanted
        assert (row["status"] == "no_zero") == (row["method"] == "gradcam" and METRICS[row["metric"]].needs_zero)
        assert 0 < row["visible_fraction"] <= 1
    written = json.loads((data / "scores.json").read_text(encoding="utf-8"))
    assert [dict(zip(written["columns"], row, strict=True)) for row in written["rows"]] == rows.to_pylist()
    with (data / "scores.csv").open(newline="", encoding="utf-8") as file:
        assert [row["attribution_id"] for row in csv.DictReader(file)] == rows["attribution_id"].to_pylist()
    document = json.loads((data / "report.json").read_text(encoding="utf-8"))
    assert document["headline"] == made.verdict.headline
    assert {row["metric"] for row in document["scores"]} == set(rows["metric"].to_pylist())
    assert document["breakdown"][0]["by"] == "part"
    assert document["strict"] is False
    assert {(row["method"], row["metric"]) for row in document["splits"]} == {
        (method, metric) for method in ("gradcam", "lime", "random", "uniform") for metric in ("max_box_acc", "pxap")
    }
    assert document["focus"] == []


def test_a_strict_report_says_so_and_counts_what_is_undefined_as_the_worst(scored: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(scored, tmp_path / "dataset"))
    run = root / "runs" / "toy"
    path = next((run / "scores").glob("lime-*.parquet"))
    rows = pq.read_table(path).to_pylist()
    changed = next(row for row in rows if row["metric"] == "mass_on_others")
    changed |= {"value": None, "status": "zero_mass"}
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    keep_metrics(run, "mass_accuracy", "pixel_ap", "mass_on_others")
    made = write_report(Run.open(run, root), tmp_path / "report.html", cases=0, data=tmp_path / "data", strict=True)
    text = made.path.read_text(encoding="utf-8")
    assert "Strict: maps without a value count as the worst one" in text
    assert "count as the worst value (strict)" in text
    document = json.loads((tmp_path / "data" / "report.json").read_text(encoding="utf-8"))
    assert document["strict"] is True
    assert all(row["strict"] for row in document["scores"])
    found, strict = (load_scores(Run.open(run, root), measures=METRICS, strict=strict) for strict in (False, True))
    others = found.metrics.index("mass_on_others")
    undefined = found.status[:, others] == "zero_mass"
    assert undefined.sum() == 1
    assert np.isnan(found.values[:, others][undefined]).all()
    assert (strict.values[:, others][undefined] == 1.0).all()
    kept = pq.read_table(tmp_path / "data" / "scores.parquet")
    assert {row["value"] for row in kept.to_pylist() if row["status"] != "ok"} == {None}
    assert strict.digest != found.digest


def test_commands_refuse_what_cannot_be_done(full: Path, tmp_path: Path) -> None:
    run, second = str(full / "runs" / "toy"), str(full / "runs" / "second")
    there = tmp_path / "report.html"
    there.write_text("mine")
    call = CliRunner().invoke
    refused = call(evaluate, ["report", run, "-o", str(there)])
    assert str(refused.exception) == (f"{there} is there already: choose another place with -o, or give --force.")
    twice = call(evaluate, ["report", run, "-o", str(tmp_path / "new.html"), "--also", run])
    assert str(twice.exception) == f"{Path(run).resolve()} is named twice: give each run once."
    same = call(evaluate, ["compare", run, run])
    assert str(same.exception) == (
        f"Both are {run} at epoch_0001: give another run, or another checkpoint of it with --other-checkpoint."
    )
    alone = call(evaluate, ["compare", run, "--other-checkpoint", "epoch_0000"])
    assert str(alone.exception) == ("--other-checkpoint needs a second run: name RUN twice to compare its checkpoints.")
    assert there.read_text() == "mine"
    rows = json.loads(call(evaluate, ["compare", run, second, "--json"]).stdout)
    assert {row["method"] for row in rows} == {"gradcam", "lime"}
    assert all(row["difference"] == 0 and row["verdict"] == "not told apart" for row in rows if row["pairs"])
    rows = json.loads(call(evaluate, ["compare", run, run, "--other-checkpoint", "epoch_0000", "--json"]).stdout)
    assert rows[0]["difference"] == pytest.approx(0.05)
    assert "p_holm" in call(evaluate, ["compare", run]).stdout


@pytest.fixture(scope="module")
def page(full: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "report.html"
    return write_report(Run.open(full / "runs" / "toy", full), out, cases=2, also=[full / "runs" / "second"]).path


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_tables_sort_and_the_page_fits(
    page: Path, open_tab: Callable[..., Any], width: int, scheme: str
) -> None:
    tab = open_tab(page.as_uri(), viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert tab.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    assert tab.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    assert tab.evaluate("[...document.querySelectorAll('svg[role=img]')].every(svg => svg.getAttribute('aria-label'))")
    dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", dark))) < 200) == (scheme == "dark")

    table = "#scores ~ .scroll table.sortable"
    tab.locator(f"{table} th:nth-child(2) button").first.focus()
    tab.keyboard.press("Enter")
    shown = tab.eval_on_selector(table, "table => [...table.tBodies[0].rows].map(row => +row.cells[1].dataset.value)")
    assert len(shown) == 4
    assert shown == sorted(shown, reverse=True)
    tab.keyboard.press("Space")
    again = tab.eval_on_selector(table, "table => [...table.tBodies[0].rows].map(row => +row.cells[1].dataset.value)")
    assert again == sorted(shown)
    # Every heading of every table that sorts has a button, and every cell below it a number to sort by.
    assert tab.evaluate(
        """[...document.querySelectorAll("table.sortable")].every(table =>
             [...table.tHead.rows[0].cells].every(head => head.querySelector("button")) &&
             [...table.tBodies[0].rows].every(row => [...row.cells].every(cell =>
               cell.dataset.value !== undefined && !Number.isNaN(Number(cell.dataset.value)))))"""
    )


@pytest.mark.slow
@pytest.mark.browser
def test_it_prints_with_everything_open(page: Path, open_tab: Callable[..., Any], tmp_path: Path) -> None:
    tab = open_tab(page.as_uri())
    tab.emulate_media(media="print")
    assert tab.evaluate("getComputedStyle(document.querySelector('nav')).display") == "none"
    tab.pdf(path=str(tmp_path / "report.pdf"), format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
