"""Which group of pictures is for training, validation or test: a pile or a set of duplicates never parts.

A pile's split is hashed from its number, a photo's was given or drawn when it was imported. ``splits.parquet`` at the
root of a dataset, where it is there, decides for the groups that it names.
"""

import re
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BrickbenchError
from core.files import atomic_file, sha256_hex
from core.seeding import Purpose, generator
from dataset.manifest import SplitRule

SPLITS = ("train", "val", "test")
SPLITS_FILE = "splits.parquet"
SPLITS_SCHEMA = pa.schema([pa.field("group_id", pa.string(), nullable=False), pa.field("split", pa.string(), False)])
_PILE_GROUP = re.compile(r"pile-(\d+)")


def pile_group(pile_index: int) -> str:
    """Return the group_id of a pile's pictures."""
    return f"pile-{pile_index:08d}"


def split_of(rule: SplitRule, group_id: str) -> str:
    """Return ``train``, ``val`` or ``test`` for a pile's group.

    The answer depends on the rule and the pile's number alone, so piles added later move no other pile, and a
    larger train share with the same seed only moves piles into train.

    Raises:
        ValueError: the group is not that of a pile.
    """
    pile = _PILE_GROUP.fullmatch(group_id)
    if pile is None:
        raise ValueError(f"group_id should be pile-NUMBER, got {group_id!r}")
    draw = generator(rule.seed, int(pile[1]), Purpose.SPLIT).random()  # 25 µs: half a minute for a million piles
    if draw < rule.train:
        return "train"
    if draw < rule.train + rule.val or rule.test == 0.0:  # shares without test may sum to a hair under 1
        return "val" if rule.val > 0.0 else "train"
    return "test"


def read_splits(root: Path) -> dict[str, str]:
    """Return the split of each group that ``splits.parquet`` names; nothing without that file.

    Raises:
        BrickbenchError: the file is damaged.
    """
    path = root / SPLITS_FILE
    if not path.is_file():
        return {}
    try:
        table = pq.read_table(pa.BufferReader(path.read_bytes()), schema=SPLITS_SCHEMA)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path) from error
    splits = dict(zip(table["group_id"].to_pylist(), table["split"].to_pylist(), strict=True))
    if not set(splits.values()) <= set(SPLITS) or len(splits) != table.num_rows:
        raise _damaged(path)
    return splits


def write_splits(root: Path, splits: Mapping[str, str]) -> None:
    """Write ``splits.parquet``: group_id to split, sorted; update the index afterwards."""
    groups = sorted(splits)
    table = pa.table([pa.array(groups), pa.array([splits[group] for group in groups])], schema=SPLITS_SCHEMA)
    with atomic_file(root / SPLITS_FILE) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def splits_digest(root: Path) -> str:
    """Return what changes when ``splits.parquet`` does; empty without that file."""
    path = root / SPLITS_FILE
    return sha256_hex(path.read_bytes()) if path.is_file() else ""


def splits_table(rule: SplitRule, frozen: Mapping[str, str], groups: pa.ChunkedArray) -> pa.Table:
    """Return the columns group_id and split for the piles among the distinct `groups`, and for those `frozen` names.

    A photo that is not frozen has no row: its split is that of its import.
    """
    names = groups.to_pylist()
    decided = {name: frozen[name] for name in names if name in frozen}
    hashed = {name: split_of(rule, name) for name in names if name not in frozen and _PILE_GROUP.fullmatch(name)}
    splits = decided | hashed
    return pa.table([list(splits), list(splits.values())], schema=SPLITS_SCHEMA)


def _damaged(path: Path) -> BrickbenchError:
    return BrickbenchError(
        f"{path} is damaged. Delete it and run `brickbench dataset split --stratified {path.parent}` to draw it anew, "
        f"or `brickbench dataset index {path.parent}` to go on without it."
    )
