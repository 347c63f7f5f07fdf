"""Random logit: is the map of a class another one than that of any other class?"""

from dataclasses import replace

import numpy as np

from evaluation.faithfulness.anew import MODEL_RANDOMIZATION, similarity
from evaluation.faithfulness.order import OTHER_CLASS, picture_stream
from evaluation.faithfulness.protocol import Maps, SeededSettings
from evaluation.measure import BoolArray, Values


def random_logit(maps: Maps, settings: SeededSettings) -> Values:
    """Return the rank correlation of the map with that of another class of the network, drawn for each map.

    NaN where either map is constant, without a method, and of a network with one class.

    Source: Sixt, Granz, Landgraf 2020, When explanations lie, section 4.2, who compare with SSIM.
    """
    count = len(maps.maps)
    classes = _classes(maps)
    if maps.reexplainer is None or classes < 2:
        return np.full(count, np.nan), np.zeros(count)
    others = []
    for image, own in zip(maps.images, maps.classes.tolist(), strict=True):
        step = picture_stream(settings.seed, OTHER_CLASS, image, own).integers(1, classes)
        others.append(int((own + step) % classes))
    before = maps.reexplainer.explain(maps.images, maps.classes.tolist())
    after = maps.reexplainer.explain(maps.images, others)
    return np.array([similarity(*pair) for pair in zip(before, after, strict=True)]), np.zeros(count)


def _classes(maps: Maps) -> int:
    return int(maps.network.logits(1, maps.images.__getitem__).shape[1])


def _one_class(maps: Maps, _settings: SeededSettings) -> BoolArray:
    return np.full(len(maps.maps), _classes(maps) < 2)


RANDOM_LOGIT = replace(
    MODEL_RANDOMIZATION,
    name="random_logit",
    title="Random logit",
    compute=random_logit,
    settings=SeededSettings,
    lacking=("one_class", _one_class),
    answers="Is the map of this class another one than that of any other class?",
    formula="rank correlation of the map with that of another class, drawn for each picture and class",
    cost="2 explanations",
    source="Sixt, Granz, Landgraf 2020, section 4.2, with rank correlation in place of SSIM",
)
