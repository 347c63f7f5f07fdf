"""Words of reports: lists, and sentences about training: how scores change with it, and how far they hang on it."""

from collections.abc import Sequence

from evaluation.measures import short_title
from evaluation.statistics.contrast import Growth
from evaluation.statistics.variance import Variation


def listed(words: Sequence[str], last: str = "and") -> str:
    """Return such as ``a, b and c``."""
    return ", ".join(words[:-1]) + f" {last} {words[-1]}" if len(words) > 1 else "".join(words)


def epoch_of(checkpoint: str) -> int:
    """Return the epoch of a checkpoint called such as ``epoch_0007``."""
    return int(checkpoint.rpartition("_")[2])


def growth_words(growth: Sequence[Growth], metric: str) -> list[str]:
    """Return sentences on one metric over the checkpoints; none where a single one was scored."""
    chosen = [one for one in growth if one.metric == metric]
    if not chosen:
        return []
    first, last = (epoch_of(chosen[0].checkpoints[end]) for end in (0, -1))
    by_sign = {sign: [_change(one) for one in chosen if one.sign == sign] for sign in (1, -1, 0)}
    parts = [
        f"{verb} for {listed(by_sign[sign])}"
        for sign, verb in ((1, "gets better"), (-1, "gets worse"), (0, "is not told apart from the first"))
        if by_sign[sign]
    ]
    change = (
        f"From epoch {first} to epoch {last}, on the same pairs, {short_title(metric)} {'; it '.join(parts)}. "
        f"Corrected for {len(growth)} comparisons of methods and metrics."
    )
    meaning = (
        "Maps of an early checkpoint explain a network that knows little: where a method gains with training, "
        "a low score of an early checkpoint was the network's, not the method's."
    )
    return [change, meaning]


def variation_words(variation: Sequence[Variation], metric: str, *, of_runs: bool) -> list[str]:
    """Return sentences on what scores by one metric vary with; none with a single run and checkpoint.

    `of_runs` says that `variation` is between training runs, not between checkpoints of one.
    """
    rows = [one for one in variation if one.metric == metric and one.components.total > 0]
    if not rows:
        return []
    components = rows[0].components
    kind = "training runs" if of_runs else "checkpoints of one run"
    shares = [one.components.share("run") + one.components.share("run_by_pile") for one in rows]
    text = (
        f"{components.runs} {kind} explained the same {components.pairs} pairs in {components.piles} piles. "
        f"They account for {_percents(shares)} of the variance of a single score; the rest lies with the pictures."
    )
    widest = max(rows, key=lambda one: one.components.error_new_runs - one.components.error_same_runs)
    errors = (
        f"The standard error of the mean of {widest.method.title} is {widest.components.error_same_runs:.3f} if only "
        f"the piles were new, and {widest.components.error_new_runs:.3f} for new runs too: the intervals above are of "
        "the first kind, since they speak of this network."
    )
    few = (
        f"With {components.runs} of them the share of runs is a rough guess."
        if components.runs < 5
        else f"{components.runs} of them give a fair guess of that share."
    )
    caution = "" if of_runs else " Checkpoints follow one another and are no independent runs."
    return [text, errors, few + caution]


def _change(growth: Growth) -> str:
    return f"{growth.method.title} ({growth.means[0].mean:.2f} to {growth.means[-1].mean:.2f})"


def _percents(shares: Sequence[float]) -> str:
    low, high = (f"{100 * share:.0f}" for share in (min(shares), max(shares)))
    return f"{low} %" if low == high else f"{low} to {high} % (by method)"
