"""Summaries and the words made of them, on tables whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.localization.registry import METRICS
from evaluation.measure import NO_ZERO
from evaluation.report.verdict import NetworkFacts, decide
from evaluation.statistics.summary import Summary, difference_rows, ranking_rows, score_rows, zero_words
from evaluation.statistics.table import MethodLabel, ScoreTable
from evaluation.statistics.zero import MISSING, apply_zero_rule
from explain.method_key import MethodKey

LABELS = {
    "gradcam": MethodLabel(MethodKey.parse("gradcam-1"), "gradcam", "Grad-CAM", False),
    "lime": MethodLabel(MethodKey.parse("lime-1"), "lime", "LIME", False),
    "layercam": MethodLabel(MethodKey.parse("layercam-1"), "layercam", "LayerCAM", False),
    "rise": MethodLabel(MethodKey.parse("rise-1"), "rise", "RISE", False),
    "oracle": MethodLabel(MethodKey.parse("oracle-1"), "oracle", "Oracle mask", False, is_oracle=True),
    "random": MethodLabel(MethodKey.parse("random-1"), "random", "Random noise", True),
    "center_gaussian": MethodLabel(MethodKey.parse("center_gaussian-1"), "center_gaussian", "Centre Gaussian", True),
}
CORE = ("pointing_game", "mass_accuracy", "rank_accuracy", "iou_fixed")


def table_of(means: dict[str, float], *, piles: int = 60, spread: float = 0.02) -> ScoreTable:
    rng = np.random.default_rng(0)
    shape = (len(means), len(CORE), piles)
    values = np.array(list(means.values()))[:, None, None] + spread * rng.normal(size=shape)
    return ScoreTable(
        run_id="toy",
        checkpoint="epoch_0001",
        methods=tuple(LABELS[name] for name in means),
        metrics=CORE,
        metric_settings={},
        pairs=tuple((f"image{place:03d}", "3001") for place in range(piles)),
        piles=np.arange(piles),
        values=values,
        status=np.full(shape, "ok", dtype="<U10"),
        chance=np.full(shape, 0.1),
        rows={},
    )


def headline(means: dict[str, float], **options: float) -> str:
    table = table_of(means, **options)  # type: ignore[arg-type]
    return decide(Summary(table), NetworkFacts()).headline


def test_a_clear_winner() -> None:
    text = headline({"gradcam": 0.5, "lime": 0.3, "random": 0.1, "center_gaussian": 0.2})
    assert (
        text
        == "Grad-CAM finds the bricks better than LIME, and better than every map that knows nothing of the network."
    )


def test_the_oracle_is_neither_ranked_nor_to_be_beaten() -> None:
    means = {"gradcam": 0.5, "lime": 0.3, "random": 0.1}
    assert headline(means | {"oracle": 1.0}) == headline(means)
    assert headline({"oracle": 1.0, "random": 0.1}) == headline({"random": 0.1})
    table = table_of({"oracle": 1.0, "random": 0.1, "lime": 0.3})
    kinds = {row["method"]: row["kind"] for row in score_rows(Summary(table))}
    assert kinds == {"oracle": "oracle", "random": "baseline", "lime": "method"}


def test_a_winner_that_a_bump_beats() -> None:
    text = headline({"gradcam": 0.5, "lime": 0.3, "random": 0.1, "center_gaussian": 0.6})
    assert text == (
        "Grad-CAM finds the bricks better than LIME, but not clearly better than a bump in the middle of the picture: "
        "a map that knows nothing of the network."
    )


def test_no_winner() -> None:
    text = headline({"gradcam": 0.4, "lime": 0.4, "random": 0.1}, spread=0.3)
    assert text == "These pictures do not say whether Grad-CAM or LIME finds the bricks better."


def test_only_baselines_or_one_method() -> None:
    assert headline({"random": 0.1}) == "Only baselines were scored: there is no explanation to judge yet."
    assert headline({"lime": 0.4}) == "LIME finds the bricks; no baseline was scored beside it."
    assert headline({"lime": 0.1, "random": 0.1}).startswith(
        "LIME finds the bricks, but not clearly better than random noise"
    )


def test_one_pile_supports_no_verdict() -> None:
    table = table_of({"gradcam": 0.5, "lime": 0.3, "random": 0.1}, piles=1)
    verdict = decide(Summary(table), NetworkFacts())
    assert verdict.headline.startswith("These pictures do not say whether")
    assert any(text.startswith("Only 1 pile of bricks stand") for text in verdict.caveats)


def test_caveats_follow_the_numbers() -> None:
    table = table_of({"gradcam": 0.5, "lime": 0.3}, piles=60)
    plain = decide(Summary(table), NetworkFacts(0.9, 0.9)).caveats
    table.values[1, 1, :12] = np.nan
    table.status[1, 1, :12] = "zero_mass"
    limited = decide(Summary(table), NetworkFacts(0.3, 0.2)).caveats
    added = set(limited) - set(plain)
    assert len(added) == 3
    assert any(text.startswith("20% of the maps by LIME have no value") for text in added)
    assert any("mean average precision 0.30" in text for text in added)
    assert any(text.startswith("Only 20% of the explained parts were recognised") for text in added)


def test_differences_are_paired_and_turn_around() -> None:
    table = table_of({"gradcam": 0.5, "lime": 0.3, "random": 0.1})
    little = 1e-4 * np.random.default_rng(1).normal(size=table.values[1].shape)
    table.values[0] = table.values[1] + 0.01 + little  # hidden in the spread, plain in pairs
    summary = Summary(table)
    first, second = LABELS["gradcam"], LABELS["lime"]
    forth = summary.difference(CORE[0], first, second)
    back = summary.difference(CORE[0], second, first)
    assert forth is not None
    assert back is not None
    assert forth.interval.mean == pytest.approx(0.01, abs=1e-4)
    assert (forth.sign, back.sign) == (1, -1)
    assert (back.interval.low, back.interval.high) == (-forth.interval.high, -forth.interval.low)
    assert difference_rows(summary)[0]["verdict"] == "Grad-CAM higher"


def test_undefined_and_missing_scores_are_told_apart() -> None:
    table = table_of({"gradcam": 0.5, "random": 0.1}, piles=10)
    table.values[0, 0, :5] = np.nan
    table.status[0, 0, :2] = "zero_mass"
    table.status[0, 0, 2:5] = MISSING
    cell = Summary(table).cell(LABELS["gradcam"], CORE[0])
    assert (cell.maps, cell.interval.values, cell.reasons) == (7, 5, {"zero_mass": 2})
    assert cell.undefined_share == pytest.approx(2 / 7)


def test_rows_for_tables_name_every_cell() -> None:
    rows = score_rows(Summary(table_of({"gradcam": 0.5, "random": 0.1})))
    assert [(row["method"], row["metric"]) for row in rows] == [(m, k) for m in ("gradcam", "random") for k in CORE]
    assert set(CORE) <= set(METRICS)


def test_many_methods_are_spoken_of_together() -> None:
    means = {"gradcam": 0.5, "lime": 0.3, "layercam": 0.4, "rise": 0.05, "random": 0.1}
    table = table_of(means)
    verdict = decide(Summary(table), NetworkFacts())
    assert verdict.headline == (
        "Grad-CAM finds the bricks better than the other 3 explanations, and better than every map that knows nothing "
        "of the network."
    )
    assert verdict.sentences[0] == (
        "Grad-CAM, LIME and LayerCAM are clearly better than each of the maps that know nothing of the network; "
        "RISE (against random noise) is not."
    )
    assert verdict.sentences[1] == (
        "Of all 4 localisation measures, as far as they apply, RISE (than random noise on 4) is clearly worse than a "
        "baseline on some."
    )
    assert verdict.sentences[2].startswith("On pointing game Grad-CAM comes first in the mean rank over piles: 0.50")
    assert verdict.sentences[2].endswith("It is told apart from every other explanation.")
    assert verdict.sentences[-1].endswith("Holm's correction for all 40 comparisons of this report.")
    alike = table_of(means | {"layercam": 0.5}, spread=0.2)
    sentences = decide(Summary(alike), NetworkFacts()).sentences
    assert any("It is not told apart from LayerCAM." in text or "from Grad-CAM." in text for text in sentences)


def test_no_single_winner_of_many() -> None:
    text = headline({"gradcam": 0.4, "lime": 0.4, "layercam": 0.4, "rise": 0.4, "random": 0.1}, spread=0.1)
    assert text == "No one of the 4 explanations finds the bricks better than all others."


def test_too_few_piles_can_tell_nothing() -> None:
    table = table_of({"gradcam": 0.9, "lime": 0.1}, piles=5)
    summary = Summary(table)
    assert {found.sign for found in summary.differences} == {0}  # 2 / 2^5 x 4 comparisons
    assert (
        "With 5 piles and 4 comparisons no test can tell any two methods apart, however different they are: score more "
        "piles, or fewer methods."
    ) in decide(summary, NetworkFacts()).caveats


def test_lower_is_better_where_the_row_says_so() -> None:
    table = replace(table_of({"gradcam": 0.2, "lime": 0.4}), metrics=("mass_on_floor", *CORE[1:]))
    summary = Summary(table)
    found = summary.difference("mass_on_floor", LABELS["gradcam"], LABELS["lime"])
    assert found is not None
    assert found.interval.mean < 0
    assert (found.sign, found.words) == (1, "Grad-CAM lower")
    assert summary.rankings["mass_on_floor"].order == (0, 1)
    assert summary.rankings[CORE[1]].order == (1, 0)


def test_rankings_leave_out_the_oracle_and_keep_the_tables_numbers() -> None:
    summary = Summary(table_of({"oracle": 1.0, "gradcam": 0.5, "lime": 0.3}))
    assert summary.rankings[CORE[0]].order == (1, 2)
    assert {row["method"] for row in ranking_rows(summary)} == {"gradcam", "lime"}
    assert len(summary.differences) == len(CORE)


def test_only_faithfulness() -> None:
    table = table_of({"gradcam": 0.5, "lime": 0.3})
    table = replace(table, metrics=("deletion",), values=table.values[:, :1], status=table.status[:, :1])
    text = decide(Summary(replace(table, chance=table.chance[:, :1])), NetworkFacts()).headline
    assert text == "Nothing was scored that asks whether maps find the bricks: see the tables for what was."


def with_more(table: ScoreTable, metric: str, means: dict[str, float]) -> ScoreTable:
    """Return `table` with one more metric, of which each method has the mean given, and a little spread."""
    noise = 0.02 * np.random.default_rng(1).normal(size=table.values[:, :1].shape)
    more = np.array([means[method.name] for method in table.methods])[:, None, None] + noise
    return replace(
        table,
        metrics=(*table.metrics, metric),
        values=np.concatenate([table.values, more], axis=1),
        status=np.concatenate([table.status, np.full(more.shape, "ok")], axis=1),
        chance=np.concatenate([table.chance, np.full(more.shape, 0.2)], axis=1),
    )


def without_zeros(table: ScoreTable) -> ScoreTable:
    methods = [method.key.method for method in table.methods]
    values, status = apply_zero_rule(methods, table.metrics, table.values, table.status.astype("<U32"))
    return replace(table, values=values, status=status)


def test_where_a_method_is_worse_on_other_measures_is_said() -> None:
    means = {"lime": 0.5, "random": 0.1, "center_gaussian": 0.2}
    table = with_more(table_of(means), "pixel_ap", {"lime": 0.1, "random": 0.1, "center_gaussian": 0.4})
    verdict = decide(Summary(table), NetworkFacts())
    assert verdict.headline == (
        "LIME finds the bricks, and better than every map that knows nothing of the network; but it is clearly worse "
        "than a bump in the middle of the picture on pixel AP."
    )
    assert verdict.sentences[0].endswith(
        "Of 4 core measures it is clearly better than random noise on 4 and than a bump in the middle of the picture "
        "on 4. Of all 5 localisation measures it is clearly worse than a bump in the middle of the picture on pixel AP."
    )


def test_the_headline_names_the_baseline_that_nobody_beats() -> None:
    means = {"gradcam": 0.4, "lime": 0.4, "random": 0.1, "center_gaussian": 0.6}
    assert headline(means, spread=0.1) == (
        "These pictures do not say whether Grad-CAM or LIME finds the bricks better, and neither does clearly better "
        "than a bump in the middle of the picture: a map that knows nothing of the network."
    )


def test_the_pointing_game_within_a_cell_stands_beside_it() -> None:
    means = {"lime": 0.5, "random": 0.1}
    table = with_more(table_of(means), "pointing_game_cell", {"lime": 0.8, "random": 0.3})
    sentence = decide(Summary(table), NetworkFacts()).sentences[0]
    assert sentence.startswith("LIME: pointing game 0.50 (")
    assert ", and within one cell of its own grid 0.80 (" in sentence
    assert "), where chance is 0.20." in sentence


def test_measures_that_read_the_zero_do_not_apply_where_it_means_nothing() -> None:
    table = without_zeros(table_of({"gradcam": 0.5, "lime": 0.3, "random": 0.1, "oracle": 1.0}))
    gradcam, lime, random = (LABELS[name] for name in ("gradcam", "lime", "random"))
    assert [table.applies(gradcam, name) for name in CORE] == [True, False, True, False]
    assert all(table.applies(method, name) for method in table.methods[1:] for name in CORE)
    assert table.lead == "rank_accuracy"
    summary = Summary(table)
    assert summary.difference("mass_accuracy", gradcam, lime) is None
    assert summary.difference("mass_accuracy", lime, random) is not None
    assert summary.comparisons == 2 * 3 + 2 * 1
    assert summary.rankings["mass_accuracy"].order == (1, 2)
    assert summary.rankings["rank_accuracy"].order == (0, 1, 2)
    cell = summary.cell(gradcam, "mass_accuracy")
    assert (cell.applies, cell.undefined_share, cell.reasons, cell.maps) == (False, 0.0, {}, 60)
    assert np.isnan(cell.interval.mean)
    rows = {(row["method"], row["metric"]): row for row in score_rows(summary)}
    assert not rows["gradcam", "iou_fixed"]["applies"]
    assert rows["oracle", "iou_fixed"]["applies"]
    assert zero_words(table)[0].startswith(
        "2 of 4 measures read the zero of a map and do not apply to Grad-CAM: 0 means"
    )
    verdict = decide(summary, NetworkFacts())
    assert "Of 2 core measures that apply to it it is clearly better than random noise on 2." in verdict.sentences[0]
    assert verdict.sentences[2].endswith("2 of 4 core measures apply to both.")
    assert zero_words(table)[0] in verdict.caveats
    assert not any("have no value" in text for text in verdict.caveats)


def test_strict_tables_leave_what_does_not_apply() -> None:
    table = without_zeros(table_of({"gradcam": 0.5, "random": 0.1}))
    filled = METRICS["mass_accuracy"].strict(table.values[:, 1], table.status[:, 1])
    assert np.isnan(filled[0]).all()
    assert (table.status[0, 1] == NO_ZERO).all()
