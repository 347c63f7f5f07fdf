"""Which parts a network knows and a dataset has, and how that is told where they differ."""

from collections.abc import Mapping, Sequence

MOST_NAMED = 10


def only_in(these: Sequence[str], those: Sequence[str]) -> tuple[str, ...]:
    """Return the part_ids of `these` that `those` lack, in their order."""
    others = set(those)
    return tuple(name for name in these if name not in others)


def listed(names: Sequence[str]) -> str:
    """Return names with commas; where they are many, the first ones and how many more."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def how_parts_differ(owners: Mapping[str, Sequence[str]]) -> str:
    """Return in a clause what each of two `owners` of part_ids has alone; empty where neither has."""
    (first, these), (second, those) = owners.items()
    alone = {first: only_in(these, those), second: only_in(those, these)}
    return "; ".join(f"the {owner} alone has {listed(names)}" for owner, names in alone.items() if names)
