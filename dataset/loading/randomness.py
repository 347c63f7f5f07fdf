"""The random streams of a run: each is a function of the seed and its place in the run, so nothing needs saving."""

import contextlib
from collections.abc import Iterator

import numpy as np
import torch

from core.seeding import Purpose, generator

# Numbers of the streams within Purpose.TRAINING; append, never renumber.
WEIGHTS, ORDER, AUGMENT, DROPOUT, MIX, GOLD = range(6)


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the generator of one stream of a run, such as ``stream(seed, ORDER, epoch)``."""
    return generator(seed, Purpose.TRAINING, *key)


@contextlib.contextmanager
def seeded_torch(seed: int, *key: int) -> Iterator[None]:
    """Within the block torch draws from the stream `key` of `seed`; afterwards torch's generators are as before.

    Layers such as dropout, and timm's initialisation, draw from torch's default generator and take no other.
    """
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(int(stream(seed, *key).integers(2**63)))
        yield
