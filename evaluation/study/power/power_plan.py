"""What is simulated to find the size of a study. It imports nothing, so that the command's help is there at once."""

from dataclasses import dataclass

ALPHA = 0.05
NO_PREFERENCE = 0.5
"""The share at which there is nothing to find."""
WANTED = 0.8
"""The usual power to plan for (Cohen 1988): one true preference in five is missed."""
SIMULATIONS = 200
"""A power of 0.8 is then known to within 0.06; four times as many halve that."""
PERSON_SD, ITEM_SD = 0.5, 0.9
"""Logits. With 10 people and 10 items the pooled binomial test then rejects what is true in a fifth of studies (19.5 %
of 20,000)."""


@dataclass(frozen=True)
class PowerPlan:
    """What is simulated, whatever the number of people and items."""

    share: float
    """Share of answers for the first method, over all people and items; one half simulates no preference."""
    person_sd: float = PERSON_SD
    """Standard deviation between people, in logits."""
    item_sd: float = ITEM_SD
    """Standard deviation between items, in logits."""
    per_person: int | None = None
    """Items that each person sees; None is all."""
    simulations: int = SIMULATIONS
    seed: int = 0
