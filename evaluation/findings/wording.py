"""What was found, in plain words with its figures, and what to render more of."""

from dataclasses import dataclass

from evaluation.findings.contrasts import GroupTest, PairTest
from evaluation.findings.material import Material

Test = GroupTest | PairTest


@dataclass(frozen=True)
class Finding:
    """One thing that the maps say of the network."""

    title: str
    sentences: tuple[str, ...]
    advice: str
    """What to render more of."""
    test: Test


def finding_of(found: Material, test: Test) -> Finding:
    """Return what a test that found something says."""
    if isinstance(test, PairTest):
        return _pair(found, test)
    return _part(found, test) if test.kind == "part" else _surroundings(test)


def part_title(found: Material, part_id: str) -> str:
    """Return such as ``Brick 2 x 4 (3001)``."""
    return f"{found.names.get(part_id, part_id)} ({part_id})"


def plain(name: str) -> str:
    """Return the name of a floor or light as words."""
    return name.replace("_", " ")


def _part(found: Material, test: GroupTest) -> Finding:
    name = part_title(found, test.name)
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


def _pair(found: Material, test: PairTest) -> Finding:
    shown, claimed = part_title(found, test.shown), part_title(found, test.claimed)
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
