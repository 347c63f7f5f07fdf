"""What to expect of new people on new items: the crossed-effects logistic model of a study."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.optimize import brentq, linprog
from scipy.special import expit, roots_hermitenorm

from core.bootstrap import Estimate
from core.errors import SettingsError
from evaluation.study.answers.answers import Answers
from evaluation.study.models.crossed import Fit, fit, p_value, term
from evaluation.study.models.laplace import Choices
from evaluation.study.models.results import NO_ESTIMATE, FloatArray, Generalisation, Term
from evaluation.study.models.trials import Trials, read_trials

ASSUMES = (
    "That people and items were drawn at random, apart from each other, from those that one wants to know about; that "
    "each person, and each item, shifts the logit of the choice by an amount that is normally distributed; and that "
    "nothing else ties answers together. With fewer than 10 people or items these cannot be checked."
)
PREFERENCE, POSITION, FAMILIARITY = "preference", "position", "familiarity"
MOST_SD = 5.0
"""Logits. With a larger standard deviation nearly every person (or item) is of one mind, and there is no telling how
large it is."""
_NODES = 64  # Gauss-Hermite: shares at standard deviations up to 3 then agree with a fine grid to 1e-6


@dataclass(frozen=True)
class Model:
    """The table that is fitted, and what could not be taken into it."""

    choices: Choices
    names: tuple[str, ...]
    """What each column of the design stands for."""
    free_sd: tuple[bool, bool]
    left_out: tuple[str, ...]
    """A sentence for each of position and familiarity that is absent."""
    limits: str
    """To whom the answer cannot be carried over, as a sentence; empty where there is no such limit."""
    reason: str
    """Why there is no finite estimate; empty where there is one."""


def build_model(trials: Trials) -> Model:
    """Return the model of `trials`: preference, position (half a unit to either side) and familiarity (centred)."""
    columns, names, left_out = [np.ones(len(trials.person))], [PREFERENCE], []
    for name, column, why_not in (_position(trials), _familiarity(trials)):
        if why_not:
            left_out.append(why_not)
        elif is_separated(np.column_stack([*columns, column]), trials.chosen) and not _one_sided(trials):
            left_out.append(f"{name.capitalize()} is left out: it tells every choice, so its size has no estimate.")
        else:
            columns.append(column)
            names.append(name)
    people_vary, items_vary, limits = _variation(trials)
    reason = ""
    if _one_sided(trials):
        which = "the first method" if trials.chosen[0] else "the other"
        reason = f"All {len(trials.chosen)} answers are for {which}: the preference has no finite estimate."
    return Model(
        choices=Choices(
            chosen=trials.chosen,
            trials=np.ones(len(trials.chosen)),
            design=np.column_stack(columns),
            person=trials.person,
            item=trials.item,
            offset=np.zeros(len(trials.chosen)),
        ),
        names=tuple(names),
        free_sd=(people_vary, items_vary),
        left_out=tuple(left_out),
        limits=limits,
        reason=reason,
    )


def preference_p_value(answers: Answers, first: str) -> float:
    """Return the p of `generalise`'s test that there is no preference for `first`, NaN where there is none; quick."""
    model = build_model(read_trials(answers, first))
    fitted = None if model.reason else fit(model.choices, model.free_sd)
    if fitted is None or too_varied(fitted):
        return np.nan
    return p_value(model.choices, model.free_sd, fitted, 0)


def generalise(trials: Trials) -> Generalisation:
    """Return what `trials` say of new people and new items.

    Test and intervals are those of `evaluation.study.models.crossed`; the share is the mean over people and items of
    the model's probability, its ends those of the profile interval with the standard deviations as estimated.
    """
    model = build_model(trials)
    fitted = None if model.reason else fit(model.choices, model.free_sd)
    reason = model.reason or ("" if fitted is None else too_varied(fitted))
    if fitted is None or reason:
        return Generalisation(
            ASSUMES, reason, no_term(PREFERENCE), NO_ESTIMATE, (), model.left_out, np.nan, np.nan, np.nan
        )
    terms = [term(model.choices, model.free_sd, fitted, column, name) for column, name in enumerate(model.names)]
    spread = float(np.hypot(*fitted.sd))
    logit = terms[0].logit
    people_vary, items_vary = model.free_sd
    return Generalisation(
        assumes=ASSUMES,
        reason=model.limits,
        preference=terms[0],
        share=Estimate(*(share_of_logit(value, spread) for value in (logit.value, logit.low, logit.high))),
        terms=tuple(terms[1:]),
        left_out=model.left_out,
        person_sd=float(fitted.sd[0]) if people_vary else np.nan,
        item_sd=float(fitted.sd[1]) if items_vary else np.nan,
        log_likelihood=fitted.log_likelihood,
    )


def share_of_logit(logit: float, sd: float) -> float:
    """Return the share of answers for the first method over all people and items, whose effects have `sd` together."""
    nodes, weights = _hermite()
    return float(weights @ expit(logit + sd * nodes))


def logit_of_share(share: float, sd: float) -> float:
    """Return the preference in logits at which `share_of_logit` is `share`.

    Raises:
        SettingsError: `share` is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise SettingsError(f"A share of answers to plan for lies between 0 and 1, not at {share:g}.")
    return float(brentq(lambda logit: share_of_logit(logit, sd) - share, -60.0, 60.0, xtol=1e-10))


def no_term(name: str) -> Term:
    """Return a term without figures."""
    return Term(name, NO_ESTIMATE, NO_ESTIMATE, np.nan, np.nan)


def too_varied(fitted: Fit) -> str:
    """Return why a fit says nothing, where people or items are each of one mind; else nothing."""
    for name, sd in zip(("person", "item"), fitted.sd, strict=True):
        if sd > MOST_SD:
            other = "items" if name == "person" else "people"
            return (
                f"Nearly every {name} has the same answer throughout, whatever the {other}: how far they differ, and "
                "so the preference, has no finite estimate."
            )
    return ""


def is_separated(design: FloatArray, chosen: FloatArray) -> bool:
    """Return whether some weighting of the columns of `design` (N, F) tells choices of 1 from those of 0.

    Then coefficients have no finite maximum-likelihood estimate. Source: Albert and Anderson 1984, as a linear program.
    """
    signed = design * np.where(chosen == 1, 1.0, -1.0)[:, None]
    solved = linprog(-signed.sum(axis=0), A_ub=-signed, b_ub=np.zeros(len(signed)), bounds=(-1, 1))
    return bool(solved.fun is not None and solved.fun < -1e-6)


def _one_sided(trials: Trials) -> bool:
    return bool(trials.chosen.min() == trials.chosen.max())


def _position(trials: Trials) -> tuple[str, FloatArray, str]:
    column = np.where(trials.first_is_left, 0.5, -0.5)
    why_not = ""
    if not trials.items_known:
        why_not = "Position is left out: it is not known which method stood on which side."
    elif np.ptp(column) == 0:
        why_not = "Position is left out: the first method always stood on the same side."
    return POSITION, column, why_not


def _familiarity(trials: Trials) -> tuple[str, FloatArray, str]:
    known = trials.familiarity
    column = (known - known.mean())[trials.person]
    why_not = ""
    if (known < 0).any():
        unknown = int((known < 0).sum())
        why_not = f"Familiarity is left out: it is not known of {unknown} of {len(known)} people."
    elif len(np.unique(known)) < 2:
        why_not = "Familiarity is left out: it is the same for all people."
    elif len(known) < 3:
        why_not = "Familiarity is left out: two people cannot tell it from the people themselves."
    return FAMILIARITY, column, why_not


def _variation(trials: Trials) -> tuple[bool, bool, str]:
    """Return whether people and items can be told to vary, and what follows if they cannot."""
    answers, people, items = len(trials.person), len(trials.people), len(trials.items)
    people_vary = 2 <= people < answers
    items_vary = trials.items_known and 2 <= items < answers
    limits = []
    if people < 2:
        limits.append("There is one person only, so nothing is said of other people.")
    elif not people_vary:
        limits.append("Each person gave one answer, so how far people differ cannot be told from chance.")
    if not trials.items_known:
        limits.append("It is not known which answer is on which item, so nothing is said of new items.")
    elif items < 2:
        limits.append("There is one item only, so nothing is said of new items.")
    elif not items_vary:
        limits.append("Each item has one answer, so how far items differ cannot be told from chance.")
    return people_vary, items_vary, " ".join(limits)


@cache
def _hermite() -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of the mean over a standard normal distribution."""
    nodes, weights = roots_hermitenorm(_NODES)
    return nodes, weights / weights.sum()
