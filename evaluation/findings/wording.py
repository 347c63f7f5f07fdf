"""What was found, in plain words with its figures, what to render more of, and what may not be concluded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.findings.contrasts import GroupTest, PairTest
from evaluation.findings.material import Material
from evaluation.findings.standing import Standing, off_words
from evaluation.report.words import listed
from evaluation.statistics.strata import FEWEST_PILES

Test = GroupTest | PairTest
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


@dataclass(frozen=True)
class Finding:
    """One thing that the maps say of the network."""

    title: str
    sentences: tuple[str, ...]
    advice: str
    """What to render more of."""
    test: Test


def finding_of(material: Material, test: Test) -> Finding:
    """Return what a test that found something says."""
    if isinstance(test, PairTest):
        return _pair(material, test)
    return _part(material, test) if test.kind == "part" else _surroundings(test)


def headline(material: Material, standings: Sequence[Standing], findings: Sequence[Finding]) -> str:
    """Return what was found, or that nothing was; before it, if so, that all maps lie mostly off the bricks."""
    off = off_words(material, standings)
    return f"{off} {_found(material, findings, is_off=bool(off))}".strip()


def _found(material: Material, findings: Sequence[Finding], *, is_off: bool) -> str:
    """Return in one sentence what sets parts, pairs, floors and lights apart, or that nothing does."""
    kinds = ["pair" if isinstance(one.test, PairTest) else one.test.kind for one in findings]
    told = [
        f"{verb} {_number(kinds.count(kind))} {one if kinds.count(kind) == 1 else many}"
        for kind, (verb, one, many) in _COUNTED.items()
        if kind in kinds
    ]
    if not told:
        title = material.label.title
        if not material.reads_mass:
            return "" if is_off else f"Parts are not held against each other: {title} has maps without a zero."
        if is_off:
            return "No part, floor or light differs clearly from the others in that."
        return f"Nothing stands out in the maps of {title}: there is nothing in particular to render more of."
    return f"The network {listed(told)}."


def limits(material: Material, groups: Mapping[str, Sequence[GroupTest]], pairs: Sequence[PairTest]) -> tuple[str, ...]:
    """Return what may not be concluded, as far as it holds for this run."""
    facts = material.facts
    origin = "which was asked for" if material.chosen else "the one that finds the bricks best by its mean rank"
    told = [
        f"These are the maps of one method, {material.label.title}, {origin}. {_ONE_METHOD}",
        _MAPS,
        _CAUSES,
    ]
    if not material.reads_mass:
        told.append(
            f"Shares of a map's mass say nothing of {material.label.title}, since {material.label.no_zero}. So its "
            "maps are asked for their highest point alone, and parts, floors, lights and pairs are not tested: choose "
            "a method that claims mass with --method (`explain methods`)."
        )
        return tuple(told)
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
            f"{'' if material.pictures.image_ids else ', and of pairs also logits of the network (`train predict`)'}."
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


def part_title(material: Material, part_id: str) -> str:
    """Return such as ``Brick 2 x 4 (3001)``."""
    return f"{material.names.get(part_id, part_id)} ({part_id})"


def plain(name: str) -> str:
    """Return the name of a floor or light as words."""
    return name.replace("_", " ")


def _part(material: Material, test: GroupTest) -> Finding:
    name = part_title(material, test.name)
    alike = test.alike.difference if test.alike else None
    first = (
        f"Where the network is asked for {name}, {_percent(test.effect.group.mean)} of the map lies on the floor; for "
        f"other parts it is {_percent(test.effect.rest.mean)}. {_figures(test)}"
    )
    second = ""
    if alike is not None and alike.low == alike.low:
        second = (
            f"Against all parts that look about as large the difference is {_points(alike.value)} points "
            f"({_points(alike.low)} to {_points(alike.high)}): "
        )
        second += (
            "its size alone is not the reason."
            if alike.low > 0
            else "its size may be the reason, since the blurry map of a small brick spills over its edges."
        )
    advice = (
        "Render more piles that hold it, each from several views with a floor of their own: then no floor goes with "
        "the part, and only the brick tells."
    )
    return Finding(f"{name}: the network looks at the floor", tuple(filter(None, (first, second))), advice, test)


def _surroundings(test: GroupTest) -> Finding:
    name = plain(test.name)
    where, others, advice = {
        "floor": (
            f"Over the floor “{name}”",
            "over other floors",
            f"Render more pictures over “{name}”, with all parts: the network then learns that it says nothing.",
        ),
        "lighting": (
            f"Under the light “{name}”",
            "under other lights",
            f"Render more pictures under “{name}”: its shadows and gloss then fall beside every part alike.",
        ),
    }[test.kind]
    sentence = (
        f"{where}, {_percent(test.effect.group.mean)} of the maps lies on the floor; {others} it is "
        f"{_percent(test.effect.rest.mean)}. {_figures(test)}"
    )
    title = f"{'Floor' if test.kind == 'floor' else 'Light'} “{name}” draws attention away"
    return Finding(title, (sentence,), advice, test)


def _pair(material: Material, test: PairTest) -> Finding:
    shown, claimed = part_title(material, test.shown), part_title(material, test.claimed)
    logit, beside = test.confusion, test.beside.difference
    confusion = (
        f"In pictures without {claimed}, its logit is {_signed(logit.group.mean)} where {shown} lies and "
        f"{_signed(logit.rest.mean)} where that does not: {_signed(logit.difference.value)} "
        f"({_signed(logit.difference.low)} to {_signed(logit.difference.high)}) higher. It is claimed in "
        f"{_percent(test.claims[0])} of the former and {_percent(test.claims[1])} of the latter "
        f"({logit.group.piles} and {logit.rest.piles} piles)."
    )
    sharing = (
        f"Where both lie in a picture, {_percent(test.share.mean)} ({_percent(test.share.low)} to "
        f"{_percent(test.share.high)}) of the map of {claimed} lies on bricks of {shown}, which cover "
        f"{_percent(test.area)} of the picture ({test.share.values} maps of {test.share.piles} piles). Corrected p of "
        f"both together: {_p(test.p_corrected)}."
    )
    elsewhere = ""
    if beside.low == beside.low:
        elsewhere = (
            "That is denser than on bricks of other parts: this one is meant."
            if beside.low > 0
            else "It is not clearly denser there than on bricks of other parts: it may look at all bricks alike."
        )
    advice = (
        "Render more piles with these two parts: with both side by side, and with one without the other. Then one no "
        "longer speaks for the other."
    )
    sentences = tuple(filter(None, (confusion, sharing, elsewhere)))
    return Finding(f"{shown} is taken for {claimed}", sentences, advice, test)


def _figures(test: GroupTest) -> str:
    effect = test.effect
    return (
        f"That is {_points(effect.difference.value)} points more ({_points(effect.difference.low)} to "
        f"{_points(effect.difference.high)}; corrected p {_p(test.p_corrected)}; {effect.group.values} maps of "
        f"{effect.group.piles} piles). Per pixel of floor it is {test.lift.group.mean:.2f} against "
        f"{test.lift.rest.mean:.2f} times the mean of the picture."
    )


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %" if value == value else "unknown"


def _points(value: float) -> str:
    return _signed(100 * value, 0) if value == value else "unknown"


def _signed(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}".replace("-", "−") if value == value else "unknown"


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}"


def _number(count: int) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return words[count] if count < len(words) else str(count)
