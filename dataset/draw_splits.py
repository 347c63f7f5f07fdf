"""Splits of a whole dataset: drawn so that every label has its share in each, counted, and written for others."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt

from core.csv_table import table_text
from core.errors import SettingsError
from core.files import cannot_write, output_file
from dataset.dataset_folder import DatasetFolder
from dataset.index import resplit, update_index
from dataset.manifest import SplitRule
from dataset.splits import SPLITS, SPLITS_FILE, read_splits, write_splits
from dataset.stratify import stratified_split

EXPORTED = ("image_id", "file", "source", "group_id", "split")
_AS_IT_WAS = "It is as it was; mend that and run this again."


@dataclass(frozen=True)
class _Groups:
    """All groups of one source, sorted by name, and what their pictures show."""

    names: tuple[str, ...]
    sizes: npt.NDArray[np.int64]
    """(G,) pictures."""
    labels: npt.NDArray[np.int64]
    """(G, C) pictures that have each label."""
    given: dict[str, str]
    """Groups whose split came with their photos."""


def change_splits(
    dataset: DatasetFolder,
    rule: SplitRule,
    *,
    stratified: bool = False,
    hashed: bool = False,
    keep: bool = False,
    redraw_given: bool = False,
) -> bool:
    """Bring the splits of a dataset to `rule`, in files and index; return whether a picture changed its split.

    The files of `dataset` change, not this object: open it again to see the new rule. With `stratified`, all groups are
    drawn by their labels into ``splits.parquet``, as `draw_stratified` says of `keep` and `redraw_given`; with
    `hashed`, that file is removed.

    Raises:
        SettingsError: the rule changes, but ``splits.parquet`` decides.
        BrickbenchError: its index cannot be opened, or nothing can be written there.
    """
    changes = rule != dataset.manifest.split_rule
    file = dataset.root / SPLITS_FILE
    if changes and file.is_file() and not (stratified or hashed):
        raise SettingsError(
            f"{file} decides over the splits, not the shares. "
            "Add --stratified to draw it anew with these, or --hashed to remove it."
        )
    if not (changes or stratified or hashed):
        return False
    update_index(dataset.root)
    before = _current_splits(dataset)
    if stratified:
        with cannot_write(file, _AS_IT_WAS):
            write_splits(dataset.root, draw_stratified(dataset, rule, keep=keep, redraw_given=redraw_given))
    elif hashed:
        file.unlink(missing_ok=True)
    resplit(dataset.root, rule)
    return _current_splits(dataset) != before


def draw_stratified(
    dataset: DatasetFolder, rule: SplitRule, *, keep: bool = False, redraw_given: bool = False
) -> dict[str, str]:
    """Return the split of every group of the dataset, so that in each source every label has its share of each split.

    Groups are piles and sets of duplicate photos. A group with photos whose split came from their source keeps that,
    unless `redraw_given`; if they disagree, the whole group goes where it does least harm: to test if any is there,
    else to val. With `keep`, groups in ``splits.parquet`` keep their split, and only the others are drawn.

    Raises:
        BrickbenchError: it has no index.
    """
    former = read_splits(dataset.root) if keep else {}
    shares = [rule.train, rule.val, rule.test]
    shares = [share / sum(shares) for share in shares]  # a rule's sum may be off by a millionth
    splits: dict[str, str] = {}
    with dataset.index() as index:
        for source in ("synthetic", "real"):
            groups = _read_groups(index, source)
            fixed = ({} if redraw_given else groups.given) | {
                name: former[name] for name in groups.names if name in former
            }
            codes = np.array([SPLITS.index(fixed[name]) if name in fixed else -1 for name in groups.names], np.int64)
            counts = np.column_stack([groups.labels, groups.sizes])
            start = np.stack([counts[codes == code].sum(axis=0) for code in range(len(SPLITS))])
            free = codes < 0
            codes[free] = stratified_split(groups.labels[free], groups.sizes[free], shares, rule.seed, start)
            splits |= {name: SPLITS[code] for name, code in zip(groups.names, codes, strict=True)}
    return splits


def count_splits(dataset: DatasetFolder) -> list[dict[str, object]]:
    """Return one row a split: images, photos among them, groups, and how evenly the labels are spread.

    ``smallest_share`` and ``largest_share`` are, over the labels that any picture has, the share of a label's pictures
    that lie in the split (None without labels); ``missing_labels`` names those of which the split has no picture.
    """
    with dataset.index() as index:
        counted = {
            split: row
            for split, *row in index.execute(
                "SELECT split, count(*), count(*) FILTER (source = 'real'), count(DISTINCT group_id) FROM images "
                "GROUP BY split"
            ).fetchall()
        }
        shown = index.execute(
            "SELECT part_id, split, count(*) FROM labels JOIN images USING (image_id) JOIN parts USING (part_id) "
            "GROUP BY part_id, split, class_index ORDER BY class_index"
        ).fetchall()
    names = list(dict.fromkeys(part_id for part_id, _, _ in shown))
    table = np.zeros((len(SPLITS), len(names)))
    for part_id, split, count in shown:
        table[SPLITS.index(split), names.index(part_id)] = count
    shares = table / table.sum(axis=0)
    rows: list[dict[str, object]] = []
    for split, of_label in zip(SPLITS, shares, strict=True):
        images, photos, groups = counted.get(split, (0, 0, 0))
        rows.append(
            {
                "split": split,
                "images": images,
                "photos": photos,
                "groups": groups,
                "smallest_share": float(of_label.min()) if names else None,
                "largest_share": float(of_label.max()) if names else None,
                "missing_labels": [name for name, share in zip(names, of_label, strict=True) if share == 0],
            }
        )
    return rows


def export_splits(dataset: DatasetFolder, file: Path) -> int:
    """Write a CSV with the file, source, group and split of each picture, and return how many there are.

    Raises:
        SettingsError: `file` is there already.
        BrickbenchError: it cannot be written, as on a full disk; it is not there then.
    """
    if file.exists():
        raise SettingsError(f"{file} is there already. Name another file, or delete that one.")
    rows = dataset.query(f"SELECT {', '.join(EXPORTED)} FROM images ORDER BY image_id")
    with output_file(file, _AS_IT_WAS) as temporary:
        temporary.write_text(table_text([EXPORTED, *rows]), encoding="utf-8")
    return len(rows)


def _current_splits(dataset: DatasetFolder) -> dict[str, str]:
    return dict(dataset.query("SELECT image_id, split FROM images"))


def _read_groups(index: duckdb.DuckDBPyConnection, source: str) -> _Groups:
    rows = index.execute(
        "SELECT group_id, count(*), list(DISTINCT imported_split) FILTER (split_given) FROM images WHERE source = ? "
        "GROUP BY group_id ORDER BY group_id",
        [source],
    ).fetchall()
    names = tuple(row[0] for row in rows)
    row_of = {name: row for row, name in enumerate(names)}
    classes = index.execute("SELECT count(*) FROM parts").fetchall()[0][0]
    labels = np.zeros((len(names), classes), dtype=np.int64)
    for name, class_index, count in index.execute(
        "SELECT group_id, class_index, count(*) FROM images JOIN labels USING (image_id) JOIN parts USING (part_id) "
        "WHERE source = ? GROUP BY group_id, class_index",
        [source],
    ).fetchall():
        labels[row_of[name], class_index] = count
    given = {name: max(splits, key=SPLITS.index) for name, _, splits in rows if splits}
    return _Groups(names, np.array([row[1] for row in rows], dtype=np.int64), labels, given)
