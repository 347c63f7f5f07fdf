"""A new measure is one module and one line of its registry: from scoring to the report, and when it gets a setting."""

import html
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from pydantic import Field

from core.errors import SettingsError
from core.settings import Settings
from evaluation.commands import evaluate
from evaluation.faithfulness.protocol import Maps
from evaluation.faithfulness.registry import FAITHFULNESS, faithfulness_settings
from evaluation.faithfulness.scoring import score_faithfulness
from evaluation.localization.batch import Batch
from evaluation.localization.registry import METRICS
from evaluation.localization.run import score_run
from evaluation.measure import Measure, Values
from evaluation.statistics.table import load_scores
from explain.bulk import explain_run
from training.run.run import Run


class ToySettings(Settings):
    """What both toys can be told."""

    power: float = Field(1.0, gt=0)
    """To which the share is raised."""


def share_of_positive(batch: Batch, settings: ToySettings) -> Values:
    """Return the share of the mask's pixels whose value is positive, and one half."""
    hits = np.array([np.count_nonzero(mask & (row > 0)) for row, mask in zip(batch.maps, batch.masks, strict=True)])
    return (hits / batch.area_px) ** settings.power, np.full(len(batch), 0.5)


def probability(maps: Maps, settings: ToySettings) -> Values:
    """Return the class's probability in the picture as it is: no map changes it."""
    said = maps.network.answers(len(maps.images), lambda part: maps.images[part], maps.classes, "probability")
    return said**settings.power, np.zeros(len(said))


TOY_METRIC = Measure(
    name="toy_metric",
    title="Share of positive pixels",
    answers="Is the map positive on the brick?",
    compute=share_of_positive,
    settings=ToySettings,
    formula="positive pixels of the mask / pixels of the mask",
    direction="higher",
    range=(0.0, 1.0),
    chance="0.5",
    uniform="1",
    oracle="1",
    ties="none arise",
    zero_mass="defined: 0",
    negative_values="counted as 0",
    source="this test",
)
TOY_FAITHFULNESS = Measure(
    name="toy_faithfulness",
    title="Plain probability",
    kind="pixels",
    compute=probability,
    settings=ToySettings,
    formula="the class's probability",
    direction="higher",
    range=(0.0, 1.0),
    chance="0",
    ties="none arise",
    zero_mass="defined",
    negative_values="kept",
    cost="1",
    source="this test",
    note="it says nothing of maps",
)


@pytest.fixture(scope="module")
def explained(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of `trained` with maps of three methods: read it, never write into it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("toys") / "dataset"))
    explain_run(
        Run.open(root / "runs" / "toy", root), {"gradcam": {}, "saliency": {}, "random": {}}, limit=3, device="cpu"
    )
    return root


@pytest.fixture
def run(explained: Path, tmp_path: Path) -> Run:
    """Return the run of a copy of `explained` to write into."""
    root = Path(shutil.copytree(explained, tmp_path / "dataset"))
    return Run.open(root / "runs" / "toy", root)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the toys into their registries: the one line that each needs."""
    monkeypatch.setitem(METRICS, "toy_metric", TOY_METRIC)
    monkeypatch.setitem(FAITHFULNESS, "toy_faithfulness", TOY_FAITHFULNESS)


def test_toys_are_scored_and_stand_in_the_report(run: Run, tmp_path: Path) -> None:
    words, invoke = [str(run.folder), "-d", str(run.dataset.root)], CliRunner().invoke
    out = tmp_path / "report.html"
    localize = ["localize", *words, "--metrics", "mass_accuracy,toy_metric", "--set", "toy_metric.power=2"]
    faithful = ["faithfulness", *words, "--metrics", "toy_faithfulness", "--device", "cpu"]
    assert "toy_metric" in invoke(evaluate, localize, catch_exceptions=False).stdout
    assert "toy_faithfulness" in invoke(evaluate, faithful, catch_exceptions=False).stdout
    invoke(evaluate, ["report", *words, "-o", str(out), "--cases", "0"], catch_exceptions=False)
    page = html.unescape(out.read_text(encoding="utf-8"))
    for measure in (TOY_METRIC, TOY_FAITHFULNESS):
        assert measure.title in page
        assert measure.formula[1:] in page  # it begins with a capital letter there
    assert page.count("It says nothing of maps.") == 1
    listed = invoke(evaluate, ["metrics", "--json"], catch_exceptions=False).stdout
    assert '"toy_metric"' in listed
    assert '"toy_faithfulness"' in listed
    table = load_scores(run, measures=["toy_metric"])
    assert (table.values[[method.name for method in table.methods].index("random")] == 1).all()  # it is above 0


def score_metric(run: Run, **settings: object) -> int:
    return score_run(run, {"toy_metric": settings})


def score_measure(run: Run, **settings: object) -> int:
    return score_faithfulness(
        run, {"toy_faithfulness": faithfulness_settings("toy_faithfulness", settings)}, device="cpu"
    ).made


class MoreSettings(ToySettings):
    """The settings of a later version."""

    offset: int = 0
    """New, with a default."""


@pytest.mark.parametrize(
    ("score", "registry", "toy", "pattern"),
    [
        (score_metric, METRICS, TOY_METRIC, "[!f]*.parquet"),
        (score_measure, FAITHFULNESS, TOY_FAITHFULNESS, "faithfulness-*.parquet"),
    ],
)
def test_scores_are_kept_when_a_measure_gets_a_setting(
    run: Run,
    score: Callable[..., int],
    registry: dict[str, Measure],
    toy: Measure,
    pattern: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert score(run) > 0
    files = {path: path.read_bytes() for path in (run.folder / "scores").glob(pattern)}
    assert len(files) == 3
    monkeypatch.setitem(registry, toy.name, replace(toy, settings=MoreSettings))
    assert score(run) == 0
    assert {path: path.read_bytes() for path in files} == files
    assert set(pq.read_table(next(iter(files)), partitioning=None).column("metric_settings").to_pylist()) == {
        '{"power":1.0}'
    }
    with pytest.raises(SettingsError, match=r"with the settings \{\"power\":1\.0\}, not .*\"offset\":2.*--force"):
        score(run, offset=2)
