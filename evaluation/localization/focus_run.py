"""Focus of a run's methods: mosaics explained and scored; what is there already is not made again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from core.bootstrap import LEVEL
from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file, require_writable
from core.progress import Progress
from core.settings import near_matches
from dataset.pile_dataset import PileDataset
from evaluation.intervals import mean_interval
from evaluation.localization.mosaics import Mosaic, mosaic_input, plan_mosaics, tiles_mask
from evaluation.localization.registry import score
from evaluation.resize import resize_maps
from explain.methods import create_method, find_method
from explain.protocol import Method
from explain.store import ATTRIBUTIONS, SETTINGS_FILE
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint, load_checkpoint

FOCUS = "focus"
MOSAICS_A_FILE = 16
"""A killed run loses at most this many mosaics of one method."""
_SCHEMA = pa.schema(
    [
        ("mosaic", pa.int64()),
        ("part_id", pa.string()),
        ("image_ids", pa.list_(pa.string())),
        ("shows", pa.list_(pa.bool_())),
        ("value", pa.float64()),
        ("status", pa.string()),
        ("chance", pa.float64()),
    ]
)


@dataclass(frozen=True)
class FocusRow:
    """Focus of one method."""

    method: str
    kind: str
    metric: str
    mean: float
    low: float
    """Lower end of the 95 % interval over resampled mosaics; they share piles, so it is a little narrow."""
    high: float
    chance: float
    undefined: float
    """Share of the mosaics without a value."""
    mosaics: int
    setting: str = ""
    """Which mosaics: checkpoint, split and seed, such as ``epoch_0007-test-0``."""


def focus_run(
    run_folder: Path,
    dataset_root: Path,
    *,
    mosaics: int = 100,
    split: str = "test",
    methods: Sequence[str] | None = None,
    shrink: bool = False,
    checkpoint: str = "best",
    seed: int = 0,
    device: str = "auto",
) -> list[FocusRow]:
    """Explain and score the mosaics that lack it, and return the focus of each method.

    Args:
        run_folder: with maps made by `explain`: their methods explain the mosaics, with the same settings.
        dataset_root: the pictures.
        mosaics: how many; a larger number later adds to them.
        split: ``train``, ``val`` or ``test``.
        methods: names; None takes all of the run that need no masks.
        shrink: mosaics at the network's input size, for networks that take no other: bricks are half as large then.
        checkpoint: ``best`` or a name such as ``epoch_0007``.
        seed: of the mosaics and of the resampling.
        device: where the network runs.

    Raises:
        SettingsError: the run has no maps of a method that is named.
        BrickbenchError: the run has no maps, a file is damaged, or the network does not take mosaics.
    """
    require_writable(run_folder / FOCUS)
    network = load_checkpoint(run_folder, checkpoint, choose_device(device))
    pictures = PileDataset(dataset_root, split, classes=network.classes)
    plan = plan_mosaics(pictures, mosaics, seed=seed)
    chosen = _methods(run_folder, network, methods)
    rows = []
    with Progress("Focus", len(chosen) * len(plan), "mosaics") as progress:
        for key, (name, method) in chosen.items():
            setting = f"{network.name}-{split}-{seed}{'-shrunk' if shrink else ''}"
            folder = run_folder / FOCUS / setting / key
            tables = []
            for start in range(0, len(plan), MOSAICS_A_FILE):
                part = plan[start : start + MOSAICS_A_FILE]
                path = folder / f"{start // MOSAICS_A_FILE:06d}.parquet"
                tables.append(_part(path, part, name, method, network, pictures, shrink=shrink))
                progress.advance(len(part), note=name)
            label = name if _alone(name, chosen) else key
            rows.append(_row(label, name, pa.concat_tables(tables), seed, setting))
    return rows


def load_focus(run_folder: Path, checkpoint: str, *, seed: int = 0) -> dict[str, list[FocusRow]]:
    """Return the focus that a run's mosaics of one checkpoint came to, by method key; empty where there are none.

    `seed` is of the resampling. A method has a row for each set of mosaics (split, seed, size) that explained it.
    """
    found: dict[str, list[FocusRow]] = {}
    for folder in sorted((run_folder / FOCUS).glob(f"{checkpoint}-*/*")):
        tables = [_read(path) for path in sorted(folder.glob("[0-9]*.parquet"))]
        if tables and sum(map(len, tables)):
            name = _name(folder.name)
            row = _row(name, name, pa.concat_tables(tables), seed, folder.parent.name)
            found.setdefault(folder.name, []).append(row)
    return found


def _read(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, schema=_SCHEMA, partitioning=None)
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"{path} is damaged: delete it and run `evaluate focus` again.") from error


def _methods(run_folder: Path, network: Checkpoint, wanted: Sequence[str] | None) -> dict[str, tuple[str, Method]]:
    """Return by method key, such as ``lime-1a2b3c4d5e6f``, the methods of the run's maps."""
    files = sorted((run_folder / ATTRIBUTIONS).glob(f"*/{SETTINGS_FILE}"))
    found = {path.parent.name: path for path in files if find_method(_name(path.parent.name)).kind != "oracle"}
    if not found:
        raise BrickbenchError(f"{run_folder} has no maps: make some with `brickbench explain run {run_folder}`.")
    there = sorted({_name(key) for key in found})
    for name in wanted or []:
        if name not in there:
            raise SettingsError(
                f"{run_folder} has no maps by {name!r}{near_matches(name, there)}; it has {', '.join(there)}."
            )
    methods = {}
    for key, path in found.items():
        if wanted is None or _name(key) in wanted:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            methods[key] = (_name(key), create_method(_name(key), network.model, **values))
    return methods


def _name(key: str) -> str:
    return key.rpartition("-")[0]


def _alone(name: str, chosen: Mapping[str, tuple[str, Method]]) -> bool:
    return [other for other, _ in chosen.values()].count(name) == 1


def _part(
    path: Path,
    plan: Sequence[Mosaic],
    name: str,
    method: Method,
    network: Checkpoint,
    pictures: PileDataset,
    *,
    shrink: bool,
) -> pa.Table:
    """Return the rows of some mosaics from their file, made anew where it holds fewer or those of other pictures."""
    wanted = [[pictures.image_ids[place] for place in mosaic.places] for mosaic in plan]
    if path.is_file():
        table = _read(path)
        if table.column("image_ids").to_pylist()[: len(plan)] == wanted:
            return table.slice(0, len(plan))
    rows = []
    for mosaic, image_ids in zip(plan, wanted, strict=True):
        image = mosaic_input(mosaic, pictures, network, shrink=shrink)
        try:
            maps = method.attribute(image[None].to(next(network.model.parameters()).device), [[mosaic.class_index]])[0]
        except (RuntimeError, AssertionError, ValueError) as error:
            if shrink:
                raise
            raise BrickbenchError(
                f"{name} fails on mosaics of {image.shape[-1]} px ({str(error).splitlines()[0]}). If the network takes "
                f"pictures of {network.input_size_px} px only, give --shrink."
            ) from error
        side = image.shape[-1]
        resized = resize_maps(maps, side, side, find_method(name).resize)
        found = score(FOCUS, resized, tiles_mask(mosaic, side)[None])
        rows.append(
            {
                "mosaic": mosaic.number,
                "part_id": network.classes[mosaic.class_index],
                "image_ids": image_ids,
                "shows": list(mosaic.shows),
                "value": found.values[0],
                "status": str(found.status[0]),
                "chance": found.chance[0],
            }
        )
    table = pa.Table.from_pylist(rows, schema=_SCHEMA)
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary)
    return table


def _row(label: str, name: str, table: pa.Table, seed: int, setting: str) -> FocusRow:
    values = np.array(table.column("value").to_pylist(), dtype=np.float64)
    interval = mean_interval(values, np.arange(len(values)), seed=seed, level=LEVEL)
    return FocusRow(
        method=label,
        kind=find_method(name).kind,
        metric=FOCUS,
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        chance=float(np.mean(table.column("chance").to_pylist())),
        undefined=float(np.isnan(values).mean()),
        mosaics=len(values),
        setting=setting,
    )
