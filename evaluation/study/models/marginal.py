"""From the logit of a typical person on a typical item to the share over all people and items, and back."""

from functools import cache

from scipy.optimize import brentq
from scipy.special import expit, roots_hermitenorm

from core.errors import SettingsError
from evaluation.study.models.results import FloatArray

_NODES = 64  # Gauss-Hermite: shares at standard deviations up to 3 then agree with a fine grid to 1e-6


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


@cache
def _hermite() -> tuple[FloatArray, FloatArray]:
    """Return nodes and weights of the mean over a standard normal distribution."""
    nodes, weights = roots_hermitenorm(_NODES)
    return nodes, weights / weights.sum()
