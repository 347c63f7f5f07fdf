"""The one source of randomness: numpy generators made from a seed and a key, never from a clock."""

from enum import IntEnum

import numpy as np


class Purpose(IntEnum):
    """What a random stream is for. Numbers are part of the data format: append, never renumber."""

    CONTENT = 0
    POSE = 1
    CAMERA = 2
    LIGHT = 3
    FLOOR = 4
    SPLIT = 5
    BASELINE = 6
    BOOTSTRAP = 7
    TRAINING = 8
    NOISE = 11
    PROPS = 12
    SENSOR = 13
    TWINS = 14
    STACKS = 21


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one stream: the same seed and key give the same numbers on every machine.

    Args:
        seed: the user's seed, 0 or more (0 is a seed like any other).
        key: what the stream is for, such as ``pile_index, Purpose.LIGHT``; each 0 or more.
    """
    return np.random.default_rng(np.random.SeedSequence([seed, *key]))
