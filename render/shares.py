"""Names with their probabilities, and the draw of one of them."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from pydantic import Field

Shares = dict[str, Annotated[float, Field(ge=0)]]
"""Names with their probabilities, on any scale."""


def draw_name(shares: Mapping[str, float], rng: np.random.Generator) -> str:
    """Return one of the names, each with the probability of its share."""
    limits = np.cumsum(list(shares.values()))
    return list(shares)[int(np.searchsorted(limits, rng.uniform() * limits[-1], side="right"))]


def without(shares: Mapping[str, float], names: Mapping[str, object] | set[str]) -> dict[str, float]:
    """Return the shares that are not 0 of all names but `names`."""
    return {name: share for name, share in shares.items() if share > 0 and name not in names}


def joined(shares: Mapping[str, float], name: str, share: float) -> dict[str, float]:
    """Return `shares` with a further `name` that has `share` of all draws, in 0..1."""
    total = sum(shares.values())
    return {known: weight / total * (1 - share) for known, weight in shares.items()} | {name: share}
