"""The preregistration sheet: what is asked of whom, how it will be analysed, and what it can find, fixed beforehand."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from core.cli import count_of
from core.pages import markdown_text
from evaluation.study.build.existing import Origin
from evaluation.study.key import Item, Key
from evaluation.study.power.power import PowerPoint, power_grid
from evaluation.study.power.power_plan import ITEM_SD, PERSON_SD, PowerPlan
from evaluation.study.settings import StudySettings

PREREGISTRATION = "preregistration.md"
SHARES = (0.6, 0.7, 0.8)
"""True shares whose power is stated; the founding paper found 0.8."""
_STRATA = {"right": "right and wrong answers", "part": "parts", "confidence": "confidence below and above the median"}


def simulated_power(settings: StudySettings, simulations: int, workers: int) -> list[PowerPoint]:
    """Return the power to find each of `SHARES` between two of the methods; none for 0 `simulations`."""
    if not simulations:
        return []
    sizes = [(settings.participants, settings.items)]
    plans = [
        PowerPlan(share, per_person=_trials_a_pair(settings), simulations=simulations, seed=settings.seed)
        for share in SHARES
    ]
    return [point for plan in plans for point in power_grid(sizes, plan, workers=workers)]


def preregistration(
    settings: StudySettings,
    key: Key,
    digest: str,
    *,
    origin: Origin,
    model: str,
    passed_over: int,
    power: Sequence[PowerPoint],
) -> str:
    """Return the sheet as Markdown: the same study, the same text.

    `digest` is the SHA-256 of ``key.json``, `model` the network that is explained, `passed_over` the number of pairs
    whose turn it was, but of which a map was empty; `power` comes from `simulated_power`.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown; names go through a filter
    )
    environment.filters["markdown"] = markdown_text
    items = [item for item in key.items if item.explanations.keys() >= set(settings.methods)]
    parts = Counter(key.part_names.get(item.part_id, item.part_id) for item in items)
    return environment.get_template(f"{PREREGISTRATION}.j2").render(
        settings=settings,
        key=key,
        digest=digest,
        origin=origin,
        model=model,
        passed_over=passed_over,
        power=power,
        items=items,
        answers=_answers(items),
        parts=sorted(parts.items()),
        first=settings.methods[0],
        others=settings.methods[1:],
        pairs=_pairs(settings),
        per_person=_trials_a_pair(settings),
        strata=[_STRATA[name] for name in settings.stratify],
        person_sd=PERSON_SD,
        item_sd=ITEM_SD,
        count_of=count_of,
    )


def _pairs(settings: StudySettings) -> int:
    return len(list(combinations(settings.methods, 2)))


def _trials_a_pair(settings: StudySettings) -> int:
    return max(1, settings.seen_items // _pairs(settings))


def _answers(items: Sequence[Item]) -> str:
    counts = Counter(item.is_right for item in items)
    words = {True: "right", False: "wrong", None: "not known"}
    text = ", ".join(f"{counts[value]} {word}" for value, word in words.items() if counts[value])
    sure = [item.confidence for item in items if item.confidence is not None]
    return f"{text}, with a confidence of {min(sure):.2f} to {max(sure):.2f}" if sure else text
