"""Share of the map's mass that lies on the brick, plain and against the brick's size."""

import numpy as np

from core.settings import Settings
from evaluation.batch import Batch, SignPolicy
from evaluation.scores import FloatArray, Metric


class MassSettings(Settings):
    """How mass is counted."""

    sign: SignPolicy = "positive"
    """What becomes of negative values: `positive` counts them as 0 (evidence for the class only), `absolute` counts
    their size. Keeping signs would let shares leave 0 to 1."""


def mass_accuracy(batch: Batch, settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return the share of each map's mass in its mask, and the mask's share of the area."""
    assert isinstance(settings, MassSettings)
    relevance = batch.relevance(settings.sign)
    # Divided by the maximum first: a sum of tiny or huge values must neither vanish nor overflow.
    top = relevance.max(axis=1, keepdims=True)
    relevance = np.divide(relevance, top, out=np.zeros_like(relevance), where=top > 0)
    total = relevance.sum(axis=1)
    inside = np.where(batch.masks, relevance, 0.0).sum(axis=1)
    values = np.divide(inside, total, out=np.full_like(total, np.nan), where=total > 0)
    return np.minimum(values, 1.0), batch.area_share  # the two sums may round apart by one unit


def lift(batch: Batch, settings: Settings) -> tuple[FloatArray, FloatArray]:
    """Return mass accuracy over the mask's share of the area, and 1."""
    values, share = mass_accuracy(batch, settings)
    return values / share, np.ones_like(values)


MASS_ACCURACY = Metric(
    name="mass_accuracy",
    title="Mass accuracy",
    compute=mass_accuracy,
    settings=MassSettings,
    formula="sum of the map inside the mask / sum of the map",
    direction="higher",
    range=(0.0, 1.0),
    chance="the mask's share of the picture",
    ties="none arise: values are summed",
    zero_mass="undefined where the map has no positive value",
    negative_values="counted as 0 (setting sign: positive) or by size (absolute)",
    source="Arras, Osman, Samek 2022, CLEVR-XAI: relevance mass accuracy",
)

LIFT = Metric(
    name="lift",
    title="Lift",
    compute=lift,
    settings=MassSettings,
    formula="mass accuracy / the mask's share of the picture: how many times denser the map is on the brick",
    direction="higher",
    range=(0.0, float("inf")),
    chance="1",
    ties="none arise: values are summed",
    zero_mass="undefined where the map has no positive value",
    negative_values="counted as 0 (setting sign: positive) or by size (absolute)",
    source="the ratio of CLEVR-XAI's relevance mass accuracy to its chance level",
)
