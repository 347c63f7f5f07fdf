"""Sentences about training: how scores change with it, and how far they hang on it."""

from collections.abc import Sequence

from evaluation.measures import short_title
from evaluation.report.data import ReportData
from evaluation.report.sections import epoch_of
from evaluation.statistics.training import Growth


def growth_words(found: ReportData) -> list[str]:
    """Return sentences on the lead metric over the checkpoints; none where a single one was scored."""
    growth = [each for each in found.growth if each.metric == found.lead]
    if not growth:
        return []
    first, last = (epoch_of(growth[0].checkpoints[end]) for end in (0, -1))
    by_sign = {sign: [each for each in growth if each.sign == sign] for sign in (1, -1, 0)}
    parts = [
        f"{verb} for {listed([_change(each) for each in by_sign[sign]])}"
        for sign, verb in ((1, "gets better"), (-1, "gets worse"))
        if by_sign[sign]
    ]
    if by_sign[0]:
        parts.append(f"is not told apart from the first for {listed([_change(each) for each in by_sign[0]])}")
    change = (
        f"From epoch {first} to epoch {last}, on the same pairs, {short_title(found.lead)} {'; it '.join(parts)}. "
        f"Corrected for {len(found.growth)} comparisons of methods and metrics."
    )
    meaning = (
        "Maps of an early checkpoint explain a network that knows little: where a method gains with training, "
        "a low score of an early checkpoint was the network's, not the method's."
    )
    return [change, meaning]


def variation_words(found: ReportData) -> list[str]:
    """Return sentences on what the scores vary with, on the lead metric; none with a single run and checkpoint."""
    rows = [each for each in found.variation if each.metric == found.lead and each.components.total > 0]
    if not rows:
        return []
    components = rows[0].components
    kind = "training runs" if found.also else "checkpoints of one run"
    shares = [each.components.share("run") + each.components.share("run_by_pile") for each in rows]
    text = (
        f"{components.runs} {kind} explained the same {components.pairs} pairs in {components.piles} piles. "
        f"They account for {_percents(shares)} of the variance of a single score; the rest lies with the pictures."
    )
    widest = max(rows, key=lambda each: each.components.error_new_runs - each.components.error_same_runs)
    found_errors = widest.components
    errors = (
        f"The standard error of the mean of {widest.method.title} is {found_errors.error_same_runs:.3f} if only the "
        f"piles were new, and {found_errors.error_new_runs:.3f} for new runs too: the intervals above are of the "
        "first kind, since they speak of this network."
    )
    few = (
        f"With {components.runs} of them the share of runs is a rough guess."
        if components.runs < 5
        else f"{components.runs} of them give a fair guess of that share."
    )
    caution = "" if found.also else " Checkpoints follow one another and are no independent runs."
    return [text, errors, few + caution]


def listed(words: Sequence[str]) -> str:
    """Return such as ``a, b and c``."""
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def _change(each: Growth) -> str:
    return f"{each.method.title} ({each.means[0].mean:.2f} to {each.means[-1].mean:.2f})"


def _percents(shares: Sequence[float]) -> str:
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} % (by method)"
