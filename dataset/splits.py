"""Which pile is for training, validation or test: by the pile, so that its views never part."""

from core.seeding import Purpose, generator
from dataset.manifest import SplitRule

SPLITS = ("train", "val", "test")


def split_of(rule: SplitRule, pile_index: int) -> str:
    """Return ``train``, ``val`` or ``test`` for a pile.

    The answer depends on the rule and the pile's number alone, so piles added later move no other pile, and a
    larger train share with the same seed only moves piles into train.
    """
    draw = generator(rule.seed, pile_index, Purpose.SPLIT).random()
    if draw < rule.train:
        return "train"
    # Without a test share everything else is val: the shares may sum to a hair under 1.
    if draw < rule.train + rule.val or rule.test == 0.0:
        return "val" if rule.val > 0.0 else "train"
    return "test"
