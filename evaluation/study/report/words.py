"""What a study shows, in plain words made from its numbers, and what may not be concluded from it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from evaluation.study.analysis import Preference, StudyResult
from evaluation.study.models.results import BradleyTerry, Generalisation, ScorePreference
from evaluation.study.report.plots import number_range, percent, percent_range

ALPHA = 0.05
FEW = 20
"""With fewer people, or fewer items, the random-effects interval rests on a standard deviation that is a guess."""


@dataclass(frozen=True)
class StudyVerdict:
    """A headline, sentences that bear it out, and limits."""

    headline: str
    sentences: tuple[str, ...]
    caveats: tuple[str, ...]


def decide(result: StudyResult, titles: Mapping[str, str]) -> StudyVerdict:
    """Return the verdict: the answer for new people and new items first, then that for these ones."""
    first, group = contest(result, titles)[0], result.everyone
    sentences = (
        *_clustered(group, first),
        _these_only(group, first),
        *_spread(group.generalisation, first),
        *_side_questions(group),
        *_attention(result, first),
        *_strengths(group.bradley_terry, titles),
        *_scores(group.scores),
    )
    return StudyVerdict(_headline(result, titles), sentences, tuple(_caveats(result)))


def p_words(value: float) -> str:
    """Return such as ``p 0.03`` or ``p < 0.001``."""
    return "p < 0.001" if value < 0.001 else f"p {value:.3f}" if value < 0.1 else f"p {value:.2f}"


def contest(result: StudyResult, titles: Mapping[str, str]) -> tuple[str, str]:
    """Return the titles of the two that are compared; the second may be ``the others``."""
    return titles.get(result.first, result.first), titles.get(result.against, result.against)


def _headline(result: StudyResult, titles: Mapping[str, str]) -> str:
    first, against = contest(result, titles)
    model = result.everyone.generalisation
    p_value, share = model.preference.p_value, model.share.value
    if not np.isfinite(p_value):
        return (
            f"{first} was chosen in {percent(result.everyone.pooled.wilson.value)} of these answers; they cannot say "
            "what other people would choose on other pictures."
        )
    if p_value >= ALPHA:
        return f"These answers do not show whether people prefer {first} or {against}."
    liked, other = (first, against) if share > 0.5 else (against, first)
    reach = "on other pictures of this kind too" if result.everyone.items else "on these pictures"
    return f"People prefer {liked} to {other}, {reach}."


def _clustered(group: Preference, first: str) -> list[str]:
    model, two_way = group.generalisation, group.two_way
    sentences = []
    if np.isfinite(model.share.value):
        sentences.append(
            f"Of new people{' on new items' if group.items else ''}, {first} would be chosen in "
            f"{percent_range(model.share)} of answers ({p_words(model.preference.p_value)} for no preference; "
            "crossed-effects model)."
        )
    if model.reason and (group.items or not np.isfinite(model.share.value)):
        sentences.append(model.reason)
    if np.isfinite(two_way.share.low):
        what = "people and items" if group.items else "people"
        sentences.append(f"Resampling {what} instead of modelling them gives {percent_range(two_way.share)}.")
    return sentences


def _these_only(group: Preference, first: str) -> str:
    pooled, exact = group.pooled, group.pooled.exact
    items = f" and {group.items} items" if group.items else ""
    text = (
        f"For these {group.people} people{items} only: {first} in {pooled.chosen} of {pooled.answers} answers, "
        f"{percent_range(pooled.wilson)} by Wilson's interval, {100 * exact.low:.0f} to {100 * exact.high:.0f} % by "
        "the exact one."
    )
    side = group.randomisation
    if np.isfinite(side.p_value):
        verb = "cannot" if side.p_value < ALPHA else "can"
        text += (
            f" Their choices {verb} be explained by sides alone: had the sides been drawn otherwise, "
            f"{side.expected:.0f} would be expected ({p_words(side.p_value)})."
        )
    return text


def _spread(model: Generalisation, first: str) -> list[str]:
    if not np.isfinite(model.share.value) or not np.isfinite(model.item_sd):
        return []
    centre = model.preference.logit.value
    items, people = (
        f"{100 * expit(centre - sd):.0f} to {100 * expit(centre + sd):.0f} %" for sd in (model.item_sd, model.person_sd)
    )
    differ = f"Items differ: on two in three of them a typical person would choose {first} in {items} of answers."
    return [f"{differ} So do people: two in three of them would, on a typical item, in {people}."]


def _side_questions(group: Preference) -> list[str]:
    sentences = []
    trend = group.familiarity
    if np.isfinite(trend.p_value):
        if trend.p_value >= ALPHA:
            text = "No trend with familiarity is shown"
        else:
            text = "The share " + ("rises" if trend.concordance > 0.5 else "falls") + " with familiarity"
        sentences.append(f"{text} ({p_words(trend.p_value)}).")
    position = group.position
    if np.isfinite(position.left.value):
        bias = "" if not np.isfinite(position.p_value) else f", {p_words(position.p_value)} for no bias"
        sentences.append(f"The left side was chosen in {percent_range(position.left)} of answers{bias}.")
    steady = group.consistency
    parts = [
        f"{words} in {percent_range(share)}"
        for words, share in (("repeated", steady.repeated), ("with sides exchanged", steady.swapped))
        if np.isfinite(share.value)
    ]
    if parts:
        sentences.append(f"Trials that came again were answered alike: {'; '.join(parts)}.")
    alpha = group.agreement.alpha
    if np.isfinite(alpha.value):
        sentences.append(f"Agreement of people on items is {number_range(alpha)}, where 0 is chance and 1 is full.")
    return sentences


def _attention(result: StudyResult, first: str) -> list[str]:
    failed = len(result.attention.failed_people)
    if not failed:
        return []
    text = f"{failed} of {result.everyone.people} people failed an attention check."
    if result.attentive is not None:
        model = result.attentive.generalisation
        share = model.share if np.isfinite(model.share.value) else result.attentive.pooled.wilson
        p_value = f", {p_words(model.preference.p_value)}" if np.isfinite(model.preference.p_value) else ""
        text += f" Without them {first} comes to {percent_range(share)}{p_value}."
    return [text]


def _strengths(scale: BradleyTerry | None, titles: Mapping[str, str]) -> list[str]:
    if scale is None or not scale.strengths:
        return []
    order = ", ".join(titles.get(strength.method, strength.method) for strength in scale.strengths)
    close = [
        f"{titles.get(pair.first, pair.first)} and {titles.get(pair.second, pair.second)}"
        for pair in scale.contests
        if not pair.holm_p_value < ALPHA
    ]
    apart = f"Not told apart: {'; '.join(close)}." if close else "All are told apart."
    return [f"On one scale (Bradley-Terry), from the most to the least chosen: {order}. {apart}"]


def _scores(scores: ScorePreference | None) -> list[str]:
    if scores is None:
        return []
    if not np.isfinite(scores.higher.value):
        return [scores.reason]
    slope = f" ({p_words(scores.slope.p_value)} for the slope)" if np.isfinite(scores.slope.p_value) else ""
    return [f"The map that scores higher was chosen in {percent_range(scores.higher)} of answers{slope}."]


def _caveats(result: StudyResult) -> list[str]:
    group = result.everyone
    model = group.generalisation
    caveats = []
    if group.pooled.warning and np.isfinite(group.pooled.p_value):
        caveats.append(f"A pooled binomial test would say {p_words(group.pooled.p_value)}. {group.pooled.warning}")
    if np.isfinite(model.preference.p_value) and model.preference.p_value >= ALPHA:
        caveats.append(
            f"“Not shown” is no proof that people like both as much: what they prefer may be anything from "
            f"{percent(model.share.low)} to {percent(model.share.high)}."
        )
    few = [f"{count} {word}" for count, word in ((group.people, "people"), (group.items, "items")) if 0 < count < FEW]
    if few:
        caveats.append(
            f"With {' and '.join(few)} the variation between them is a guess: intervals for new ones are rough. "
            "The command study power says how many are needed."
        )
    if not group.items:
        caveats.append("Which answer is on which item is not known, so nothing can be said of new items.")
    caveats += [
        (
            "A preferred explanation need not be a right one: people were not told what the network said, nor can they "
            "see which pixels it used. Scores against masks and faithfulness measures ask that."
        ),
        "People who took part are no random sample of anybody, and all items come from one dataset and one network.",
        (
            "Only the preference was the question of the study. Familiarity, position, consistency, agreement and "
            "single items were looked at besides: a small p there is a hint for a next study."
        ),
    ]
    if result.attentive is not None:
        caveats.append(
            "Leaving out people after the fact can flatter a result: the answer of the study is with all people."
        )
    return caveats
