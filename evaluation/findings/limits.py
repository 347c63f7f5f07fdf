"""The headline of the findings, and what may not be concluded from them."""

from collections.abc import Mapping, Sequence

from evaluation.findings.contrasts import GroupTest, PairTest
from evaluation.findings.material import Material
from evaluation.findings.wording import Finding
from evaluation.report.words import listed
from evaluation.statistics.strata import FEWEST_PILES

_COUNTED = {
    "part": ("looks at the floor for", "part", "parts"),
    "pair": ("mixes up", "pair of parts", "pairs of parts"),
    "floor": ("is drawn away by", "floor", "floors"),
    "lighting": ("is drawn away by", "light", "lights"),
}


_ONE_METHOD = "Where a map is wrong, so is what is said of the network. See whether another method says the same."
_MAPS = (
    "A map on the floor need not mean that the network uses the floor: blurry maps spill over edges, and shadows and "
    "reflections of the brick lie on the floor too. Faithfulness, best measured with twins, tells what it uses."
)
_CAUSES = (
    "A part, floor or light may stand for something else that goes with it in these pictures, such as size or how much "
    "is hidden. That more of it cures the network is an expectation, to be tested on the same test pictures."
)


def headline(found: Material, findings: Sequence[Finding]) -> str:
    """Return in one sentence what was found, or that nothing was."""
    kinds = ["pair" if isinstance(each.test, PairTest) else each.test.kind for each in findings]
    told = [
        f"{verb} {_number(kinds.count(kind))} {one if kinds.count(kind) == 1 else many}"
        for kind, (verb, one, many) in _COUNTED.items()
        if kind in kinds
    ]
    if not told:
        return (
            f"Nothing stands out in the maps of {found.label.title}: there is nothing in particular to render more of."
        )
    return f"The network {listed(told)}."


def limits(found: Material, groups: Mapping[str, Sequence[GroupTest]], pairs: Sequence[PairTest]) -> tuple[str, ...]:
    """Return what may not be concluded, as far as it holds for this run."""
    facts = found.facts
    origin = "which was asked for" if found.chosen else "the one that finds the bricks best by its mean rank"
    told = [
        f"These are the maps of one method, {found.label.title}, {origin}. {_ONE_METHOD}",
        _MAPS,
        _CAUSES,
    ]
    lacking = [
        name
        for name, tests in (
            ("parts", groups["part"]),
            ("pairs of parts", pairs),
            ("floors", groups["floor"]),
            ("lights", groups["lighting"]),
        )
        if not tests
    ]
    if lacking:
        told.append(
            f"Nothing can be said of {', '.join(lacking)}: tests need {FEWEST_PILES} piles with each and without it"
            + ("." if len(found.pictures.image_ids) else ", and of pairs also logits of the network (`train predict`).")
        )
    counted = sum(map(len, groups.values())) + len(pairs)
    if counted:
        told.append(
            "What is not listed was not told apart from the rest, which does not mean that it is like the rest: look "
            f"how far the intervals reach. Only what {FEWEST_PILES} piles stand behind was tested."
        )
    if (facts.source == "real").any() and (facts.source == "synthetic").any():
        told.append("Photos and renders are taken together for parts; floors and lights are known of renders only.")
    return tuple(told)


def _number(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if count < len(words) else str(count)
