"""Runs and checkpoints side by side: what is matched, what differs, what is refused."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from core.errors import BrickbenchError, SettingsError
from evaluation.statistics.align import align
from evaluation.statistics.contrast import contrast_tables, grow
from evaluation.statistics.table import MethodLabel, ScoreTable
from evaluation.statistics.variance import vary
from explain.method_key import MethodKey

GRADCAM, LIME = (
    MethodLabel(MethodKey("gradcam", "aa"), "gradcam", "Grad-CAM", False),
    MethodLabel(MethodKey("lime", "bb"), "lime", "LIME", False),
)
RANDOM = MethodLabel(MethodKey.parse("random-cc"), "random", "Random noise", True)
METRICS = ("mass_accuracy", "mass_on_floor")


def table_of(
    means: Sequence[float],
    *,
    methods: Sequence[MethodLabel] = (GRADCAM, LIME, RANDOM),
    pairs: Sequence[int] = range(60),
    checkpoint: str = "epoch_0001",
    settings: str = "{}",
    metrics: tuple[str, ...] = METRICS,
    seed: int = 0,
) -> ScoreTable:
    rng = np.random.default_rng(7)
    hard = rng.normal(scale=0.1, size=(1, 1, 60))  # the same pictures are hard for every run
    noise = 0.02 * np.random.default_rng(seed).normal(size=(len(methods), len(metrics), 60))
    values = (np.array(means)[:, None, None] + hard + noise)[:, :, list(pairs)]
    return ScoreTable(
        run_id="toy", checkpoint=checkpoint, methods=tuple(methods), metrics=metrics,
        metric_settings=dict.fromkeys(metrics, settings), pairs=tuple((f"i{n:02d}", "3001") for n in pairs),
        piles=np.array(pairs) // 2, values=values, status=np.full(values.shape, "ok"),
        chance=np.full(values.shape, 0.1), rows={},
    )  # fmt: skip


def test_contrast_is_paired_and_knows_the_better_direction() -> None:
    first, second = table_of([0.5, 0.3, 0.1], seed=1), table_of([0.45, 0.3, 0.1], seed=2)
    found = {(each.method.name, each.metric): each for each in contrast_tables(first, second, ("A", "B"), seed=0)}
    assert set(found) == {(method, metric) for method in ("gradcam", "lime") for metric in METRICS}  # no baseline
    gradcam = found["gradcam", "mass_accuracy"]
    assert gradcam.effect.mean.mean == pytest.approx(0.05, abs=0.01)
    assert gradcam.words == "A higher"
    assert found["gradcam", "mass_on_floor"].words == "B lower"
    assert found["lime", "mass_accuracy"].words == "not told apart"
    row = gradcam.as_row()
    assert row["first"] - row["second"] == pytest.approx(row["difference"])  # type: ignore[operator]
    assert row["p"] <= row["p_holm"] < 0.05  # type: ignore[operator]
    assert contrast_tables(first, second, ("A", "B"), seed=0) == contrast_tables(first, second, ("A", "B"), seed=0)


def test_only_shared_pairs_count_and_rows_follow_their_names() -> None:
    both = align([table_of([0.5, 0.3, 0.1]), table_of([0.5, 0.3, 0.1], pairs=range(59, 30, -1))], ("A", "B"))
    assert both.values.shape == (2, 2, 2, 29)
    assert np.array_equal(both.values[0], both.values[1])
    assert both.piles.tolist() == (np.arange(31, 60) // 2).tolist()


def test_settings_that_an_older_version_lacked_are_the_defaults() -> None:
    tables = [table_of([0.5, 0.3, 0.1]), table_of([0.5, 0.3, 0.1], settings='{"sign":"positive"}')]
    assert align(tables, ("A", "B")).metrics == METRICS


def test_methods_are_matched_by_settings_then_by_name() -> None:
    other_layer = MethodLabel(MethodKey.parse("gradcam-zz"), "gradcam", "Grad-CAM", False)
    both = align([table_of([0.5, 0.3, 0.1]), table_of([0.5, 0.3], methods=(LIME, other_layer))], ("A", "B"))
    assert [method.name for method in both.methods] == ["gradcam", "lime"]
    assert both.values[:, 0, 0].mean(axis=1) == pytest.approx([0.5, 0.3], abs=0.05)
    two = tuple(MethodLabel(MethodKey("lime", key), f"lime-{key}", f"LIME ({key})", False) for key in ("bb", "dd"))
    both = align([table_of([0.5, 0.3], methods=two), table_of([0.5, 0.3], methods=(GRADCAM, LIME))], ("A", "B"))
    assert [method.name for method in both.methods] == ["lime-bb"]


@pytest.mark.parametrize(
    ("other", "error", "message"),
    [
        (
            {"pairs": range(0)},
            BrickbenchError,
            (
                "A and B have no scored pair of picture and part in common: explain the same pictures with each "
                "(`explain run`)."
            ),
        ),
        (
            {"methods": (RANDOM,), "means": [0.1]},
            BrickbenchError,
            (
                "A and B have no scored explanation method in common: make maps by the same methods with each "
                "(`explain run`)."
            ),
        ),
        (
            {"metrics": ("lift",)},
            BrickbenchError,
            "A and B have no scored metric in common: score each with the same metrics (`evaluate localize`).",
        ),
        (
            {"settings": '{"sign":"absolute"}'},
            SettingsError,
            (
                'mass_accuracy was computed with the settings {} for A, and with {"sign":"absolute"} for B: score one '
                "of them again with --force."
            ),
        ),
    ],
)
def test_what_cannot_be_compared(other: dict[str, object], error: type[Exception], message: str) -> None:
    second = table_of(**({"means": [0.5, 0.3, 0.1]} | other))  # type: ignore[arg-type]
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        align([table_of([0.5, 0.3, 0.1]), second], ("A", "B"))


def test_growth_over_checkpoints() -> None:
    tables = [
        table_of([mean, 0.3, 0.1], checkpoint=f"epoch_{epoch:04d}", seed=epoch)
        for epoch, mean in ((2, 0.2), (10, 0.4), (50, 0.5))
    ]
    tables[1].values[0, 0, 5] = np.nan  # a pair that lacks a value once is left out everywhere
    found = {(each.method.name, each.metric): each for each in grow(tables, seed=0)}
    gradcam = found["gradcam", "mass_accuracy"]
    assert gradcam.checkpoints == ("epoch_0002", "epoch_0010", "epoch_0050")
    assert {mean.values for mean in gradcam.means} == {59}
    assert gradcam.effect.mean.mean == pytest.approx(gradcam.means[-1].mean - gradcam.means[0].mean)
    assert (gradcam.sign, found["gradcam", "mass_on_floor"].sign, found["lime", "mass_accuracy"].sign) == (1, -1, 0)
    assert gradcam.as_row()["verdict"] == "better"


def test_variation_tells_runs_from_pictures() -> None:
    shifts = (-0.3, 0.0, 0.1, 0.2)
    tables = [table_of([0.5 + shift, 0.3, 0.1], seed=place) for place, shift in enumerate(shifts)]
    found = {(each.method.name, each.metric): each.components for each in vary(tables, "ABCD")}
    gradcam, lime = found["gradcam", "mass_accuracy"], found["lime", "mass_accuracy"]
    assert gradcam.run == pytest.approx(np.var(shifts, ddof=1), rel=0.1)
    assert lime.share("run") < 0.05
    assert lime.pile + lime.pair == pytest.approx(np.var(table_of([0, 0, 0]).values[0, 0]), rel=0.15)
    assert lime.rest == pytest.approx(0.02**2, rel=0.3)
    assert gradcam.error_new_runs > 2 * gradcam.error_same_runs
    assert vary(tables, "ABCD")[0].as_row()["runs"] == 4
