"""The whole analysis: cases by hand, what must not change it, and inputs that leave little to say."""

from dataclasses import fields, is_dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core.errors import BrickbenchError
from evaluation.study.analysis import Preference, StudyResult, analyze
from evaluation.study.answers.answers import Answers
from evaluation.study.models.generalisation import preference_p_value
from evaluation.study.power.simulation import simulate


def small(people: int = 6, items: int = 6, *, preference: float = 0.6, position: float = 0.0, seed: int = 3) -> Answers:
    return simulate(
        people, items, preference_logit=preference, person_sd=0.5, item_sd=0.9, position_logit=position, seed=seed
    )


def joined(*some: Answers) -> Answers:
    return Answers(**{name: np.concatenate([getattr(each, name) for each in some]) for name in vars(some[0])})


def again(answers: Answers, kind: str, *, changed: int = 0) -> Answers:
    """Return all trials once more, the first `changed` of them with the other method chosen."""
    side = np.where((np.arange(len(answers)) < changed) == (answers.chosen == "left"), "right", "left")
    kinds = np.full(len(answers), kind)
    if kind == "repeat":
        return replace(answers, chosen=side, kind=kinds)
    mirrored = np.where(side == "left", "right", "left")
    return replace(answers, left=answers.right, right=answers.left, chosen=mirrored, kind=kinds)


def checks(answers: Answers, *, failed: tuple[str, ...]) -> Answers:
    """Return an attention check for each participant."""
    one = answers.where(answers.position == 1)
    count = len(one)
    return replace(
        one,
        left=np.full(count, "target"),
        right=np.full(count, "decoy"),
        chosen=np.where(np.isin(one.participant, failed), "right", "left"),
        expected=np.full(count, "left"),
        kind=np.full(count, "attention"),
    )


def equal(one: object, two: object) -> bool:
    """Whether two results hold the same figures, NaN being like NaN."""
    if is_dataclass(one):
        return type(one) is type(two) and all(
            equal(getattr(one, field.name), getattr(two, field.name)) for field in fields(one)
        )
    if isinstance(one, tuple):
        return isinstance(two, tuple) and len(one) == len(two) and all(map(equal, one, two))
    return one == two or (one != one and two != two)


def test_order_and_seed() -> None:
    answers = small(people=8, items=8)
    found = analyze(answers, seed=1, draws=60)
    rows = np.random.default_rng(0).permutation(len(answers))
    turned = Answers(**{name: array[rows] for name, array in vars(answers).items()})
    assert equal(found, analyze(answers, seed=1, draws=60))
    assert found.everyone.two_way == analyze(turned, seed=1, draws=60).everyone.two_way
    assert found.everyone.two_way != analyze(answers, seed=2, draws=60).everyone.two_way
    assert [field.name for field in fields(Preference)][3:7] == ["generalisation", "two_way", "pooled", "randomisation"]


def test_the_other_method_first() -> None:
    answers = small(people=8, items=8)
    one = analyze(answers, seed=1, first="first", draws=60).everyone
    two = analyze(answers, seed=1, first="second", draws=60).everyone
    assert (one.pooled.chosen + two.pooled.chosen, one.pooled.p_value) == (64, two.pooled.p_value)
    assert one.randomisation.p_value == pytest.approx(two.randomisation.p_value)
    assert one.two_way.share.low == pytest.approx(1 - two.two_way.share.high)
    for name in ("logit", "wald"):
        ahead, behind = (getattr(each.generalisation.preference, name) for each in (one, two))
        assert (ahead.low, ahead.high) == (pytest.approx(-behind.high, abs=2e-3), pytest.approx(-behind.low, abs=2e-3))
    assert one.generalisation.preference.p_value == pytest.approx(two.generalisation.preference.p_value, abs=1e-4)
    assert one.position.left.value == pytest.approx(two.position.left.value)
    assert one.agreement == two.agreement
    assert preference_p_value(answers, "first") == pytest.approx(one.generalisation.preference.p_value)


def test_repeats_and_attention_are_not_counted_as_answers() -> None:
    answers = small()
    more = joined(answers, again(answers, "repeat", changed=9), again(answers, "swapped", changed=18))
    plain, found = (analyze(each, seed=1, draws=60).everyone for each in (answers, more))
    assert plain.consistency.reason == "No trial was shown twice."
    assert found.consistency.repeats == found.consistency.swaps == 36
    assert found.consistency.repeated.value == 27 / 36
    assert found.consistency.swapped.value == 18 / 36
    assert found.consistency.repeated.low < 0.75 < found.consistency.repeated.high
    assert equal(replace(found, consistency=plain.consistency), plain)


@pytest.mark.slow
def test_attention() -> None:
    answers = small()
    found = analyze(joined(answers, checks(answers, failed=("p002", "p005"))), seed=1, draws=60)
    assert (found.attention.checks, found.attention.passed) == (6, 4)
    assert found.attention.failed_people == ("p002", "p005")
    assert equal(found.everyone, analyze(answers, seed=1, draws=60).everyone)
    left = answers.where(~np.isin(answers.participant, ["p002", "p005"]))
    assert equal(found.attentive, analyze(left, seed=1, draws=60).everyone)
    assert analyze(joined(answers, checks(answers, failed=())), seed=1, draws=60).attentive is None
    everybody = tuple(np.unique(answers.participant).tolist())
    assert analyze(joined(answers, checks(answers, failed=everybody)), seed=1, draws=60).attentive is None


def test_position_bias_is_told_from_preference() -> None:
    found = analyze(small(12, 12, preference=0.0, position=1.2), seed=1, draws=200).everyone
    assert found.position.left.low > 0.5
    assert found.position.p_value < 0.001
    answers = small(12, 12, preference=1.5)
    few = answers.where((answers.left == "first") | (answers.position > 6))  # the first method stands left more often
    other = analyze(few, seed=1, draws=200).everyone.position
    assert other.left.low < 0.5 < other.left.high


def test_scores() -> None:
    answers = small(12, 12, preference=0.3)
    answers = replace(answers, image_id=answers.item, part_id=np.full(len(answers), "3001"))
    rng = np.random.default_rng(5)
    share = {item: (answers.winner[answers.item == item] == "first").mean() for item in np.unique(answers.item)}
    scores = {(item, "3001", "first"): share[item] + rng.normal(0, 0.1) for item in share}
    scores |= {(item, "3001", "second"): 0.5 for item in share}
    found = analyze(answers, seed=1, scores=scores, draws=200).everyone.scores
    assert found is not None
    assert (found.reason, found.answers, found.ties) == ("", 144, 0)
    ahead = np.array([scores[item, "3001", "first"] > 0.5 for item in answers.item])
    assert found.higher.value == pytest.approx(((answers.winner == "first") == ahead).mean())
    assert found.slope.logit.low > 0
    assert found.difference_sd == pytest.approx(np.std([scores[item, "3001", "first"] - 0.5 for item in answers.item]))
    none = analyze(answers, seed=1, scores={}, draws=60).everyone.scores
    assert none is not None
    assert none.reason == "No answer has scores for both of its maps."
    tied = analyze(answers, seed=1, scores=dict.fromkeys(scores, 0.5), draws=60).everyone.scores
    assert tied is not None
    assert (tied.ties, tied.reason) == (
        144,
        "The first map is ahead by the same score in all answers, so there is no slope.",
    )


def test_three_methods() -> None:
    one, two, three = (small(seed=seed) for seed in (1, 2, 3))
    names = {"first": ("a", "a", "b"), "second": ("b", "c", "c")}
    parts = [
        replace(
            each,
            left=np.where(each.left == "first", names["first"][number], names["second"][number]),
            right=np.where(each.right == "first", names["first"][number], names["second"][number]),
            item=np.char.add(each.item, str(number)),
        )
        for number, each in enumerate((one, two, three))
    ]
    found = analyze(joined(*parts), seed=1, first="b", draws=60)
    assert (found.methods, found.first, found.against) == (("b", "a", "c"), "b", "the others")
    assert found.everyone.answers == 72  # those of a and c alone do not show b
    assert found.everyone.bradley_terry is not None
    assert found.everyone.bradley_terry.reference == "b"
    assert sum(contest.answers for contest in found.everyone.bradley_terry.contests) == 108
    assert analyze(one, seed=1, draws=60).everyone.bradley_terry is None


def test_all_for_one_method() -> None:
    answers = small()
    answers = replace(answers, chosen=np.where(answers.left == "first", "left", "right"))
    found = analyze(answers, seed=1, draws=60).everyone
    assert found.generalisation.reason == (
        "All 36 answers are for the first method: the preference has no finite estimate."
    )
    assert np.isnan([found.generalisation.preference.logit.value, found.generalisation.preference.p_value]).all()
    assert found.pooled.exact.low > 0.9
    assert found.randomisation.p_value < 0.001


def test_always_the_left() -> None:
    answers = small()
    found = analyze(replace(answers, chosen=np.full(36, "left")), seed=1, draws=60).everyone
    assert found.generalisation.left_out == (
        "Position is left out: it tells every choice, so its size has no estimate.",
    )
    assert found.generalisation.preference.logit.value == pytest.approx(0, abs=0.05)
    assert found.position.reason == "All 36 choices are of the left side."
    assert found.randomisation.p_value == 1


def test_people_each_of_one_mind() -> None:
    answers = small(10, 10)
    wants_first = np.isin(answers.participant, ["p001", "p003", "p004", "p007"])
    answers = replace(answers, chosen=np.where((answers.left == "first") == wants_first, "left", "right"))
    found = analyze(answers, seed=1, draws=60).everyone
    assert found.generalisation.reason == (
        "Nearly every person has the same answer throughout, whatever the items: how far they differ, and so the "
        "preference, has no finite estimate."
    )
    assert found.two_way.share.low < 0.4 < found.two_way.share.high


def test_counts_without_items() -> None:
    answers = replace(small(), item=np.full(36, ""), left=np.full(36, "first"), right=np.full(36, "second"))
    found = analyze(answers, seed=1, draws=60).everyone
    assert found.items == 0
    assert found.generalisation.reason == (
        "It is not known which answer is on which item, so nothing is said of new items."
    )
    assert np.isfinite([found.generalisation.preference.p_value, found.generalisation.person_sd]).all()
    assert np.isnan(found.generalisation.item_sd)
    assert "Position is left out: it is not known which method stood on which side." in found.generalisation.left_out
    assert found.position.reason == found.randomisation.reason == "It is not known which method stood on which side."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda a: a.where(a.kind == "repeat"),
            "There are no main answers to analyse: only those of kind `main` count.",
        ),
        (
            lambda a: replace(a, right=a.left),
            "Each answer is a choice between two different methods; an answer here names one alone.",
        ),
    ],
)
def test_nothing_to_analyse(change, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BrickbenchError) as error:
        analyze(change(small()), seed=1)
    assert str(error.value) == message


def test_unknown_first() -> None:
    with pytest.raises(BrickbenchError) as error:
        analyze(small(), seed=1, first="lime")
    assert str(error.value) == "No answer shows the method 'lime'; there are first, second."


@hypothesis_settings(max_examples=15)
@given(data=st.data(), people=st.integers(1, 4), items=st.integers(1, 4))
def test_any_answers_have_a_result(data: st.DataObject, people: int, items: int) -> None:
    answers = small(people, items)
    count = len(answers)
    sides = st.lists(st.sampled_from(["left", "right"]), min_size=count, max_size=count)
    levels = data.draw(st.lists(st.integers(-1, 2), min_size=people, max_size=people))
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    keep[data.draw(st.integers(0, count - 1))] = True
    answers = replace(
        answers,
        chosen=np.array(data.draw(sides)),
        familiarity=np.repeat(levels, items).astype(np.int64),
    ).where(keep)
    found = analyze(answers, seed=0, draws=20, scores={("", "", "first"): 1.0, ("", "", "second"): 0.0})
    assert isinstance(found, StudyResult)
    everyone = found.everyone
    whole = everyone.generalisation
    assert np.isfinite(whole.preference.logit.value) or whole.reason
    assert abs(whole.preference.logit.value) < 10 or whole.reason
    assert everyone.pooled.wilson.low <= everyone.pooled.wilson.value <= everyone.pooled.wilson.high
    assert np.isfinite(everyone.two_way.share.low) or everyone.two_way.reason
    assert np.isfinite(everyone.agreement.alpha.value) or everyone.agreement.reason
    assert np.isfinite(everyone.familiarity.p_value) or everyone.familiarity.reason
    assert np.isfinite(everyone.randomisation.p_value) or everyone.randomisation.reason
