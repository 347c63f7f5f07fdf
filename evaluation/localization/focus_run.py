"""Focus of a run's methods: mosaics of four piles, two of which show a part, explained and scored.

Does an explanation of that part stay on those two? What is there already is not made again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
import yaml
from torch import Tensor

from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.progress import Progress
from core.seeding import Purpose, generator
from core.settings import near_matches
from dataset.pile_dataset import PileDataset
from evaluation.intervals import mean_interval
from evaluation.localization.registry import score
from evaluation.measure import BoolArray
from evaluation.resize import resize_maps
from evaluation.score_store import read_table, write_rows
from explain.method_key import MethodKey
from explain.methods import create_method, find_method
from explain.protocol import Method, device_of
from explain.store import ATTRIBUTIONS, SETTINGS_FILE
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint
from training.run.run import Run

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
class Mosaic:
    """Four pictures of different piles, from the upper left to the lower right."""

    number: int
    class_index: int
    places: tuple[int, ...]
    """Of the pictures in the dataset."""
    shows: tuple[bool, ...]
    """Which of them show the part; two do."""


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
    applies: bool = True
    """Whether the method's maps have the zero that focus reads; if not, there is no mean."""
    setting: str = ""
    """Which mosaics: checkpoint, split and seed, such as ``epoch_0007-test-0``."""


def focus_run(
    run: Run,
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
        run: with maps made by `explain`: their methods explain mosaics of its dataset, with the same settings.
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
    require_writable(run.folder / FOCUS)
    network = run.load(checkpoint, choose_device(device))
    pictures = run.dataset.pictures(split, network.classes)
    plan = plan_mosaics(pictures, mosaics, seed=seed)
    chosen = _methods(run.folder, network, methods)
    names = [key.method for key in chosen]
    setting = f"{network.name}-{split}-{seed}{'-shrunk' if shrink else ''}"
    rows = []
    with Progress("Focus", len(chosen) * len(plan), "mosaics") as progress:
        for key, method in chosen.items():
            folder = run.folder / FOCUS / setting / str(key)
            tables = []
            for start in range(0, len(plan), MOSAICS_A_FILE):
                part = plan[start : start + MOSAICS_A_FILE]
                path = folder / f"{start // MOSAICS_A_FILE:06d}.parquet"
                wanted = [[pictures.image_ids[place] for place in mosaic.places] for mosaic in part]
                table = _read(path) if path.is_file() else _SCHEMA.empty_table()
                if table.column("image_ids").to_pylist()[: len(part)] != wanted:  # fewer, or of other pictures
                    scored = [_score(mosaic, key.method, method, network, pictures, shrink=shrink) for mosaic in part]
                    table = pa.Table.from_pylist(scored, schema=_SCHEMA)
                    write_rows(path, [table], compression="snappy")
                tables.append(table.slice(0, len(part)))
                progress.advance(len(part), note=key.method)
            label = key.method if names.count(key.method) == 1 else str(key)
            rows.append(_row(label, key.method, pa.concat_tables(tables), seed, setting))
    return rows


def load_focus(run_folder: Path, checkpoint: str, *, seed: int = 0) -> dict[str, list[FocusRow]]:
    """Return the focus that a run's mosaics of one checkpoint came to, by method key; empty where there are none.

    `seed` is of the resampling. A method has a row for each set of mosaics (split, seed, size) that explained it.
    """
    found: dict[str, list[FocusRow]] = {}
    for folder in sorted((run_folder / FOCUS).glob(f"{checkpoint}-*/*")):
        tables = [_read(path) for path in sorted(folder.glob("[0-9]*.parquet"))]
        if tables and sum(map(len, tables)):
            name = MethodKey.parse(folder.name).method
            row = _row(name, name, pa.concat_tables(tables), seed, folder.parent.name)
            found.setdefault(folder.name, []).append(row)
    return found


def _read(path: Path) -> pa.Table:
    return read_table(path, "evaluate focus", _SCHEMA)


def _methods(run_folder: Path, network: Checkpoint, wanted: Sequence[str] | None) -> dict[MethodKey, Method]:
    """Return the methods of the run's maps but for oracles."""
    files = sorted((run_folder / ATTRIBUTIONS).glob(f"*/{SETTINGS_FILE}"))
    settings_files = {MethodKey.parse(path.parent.name): path for path in files}
    settings_files = {key: path for key, path in settings_files.items() if find_method(key.method).kind != "oracle"}
    if not settings_files:
        raise BrickbenchError(f"{run_folder} has no maps: make some with `brickbench explain run {run_folder}`.")
    there = sorted({key.method for key in settings_files})
    for name in wanted or []:
        if name not in there:
            raise SettingsError(
                f"{run_folder} has no maps by {name!r}{near_matches(name, there)}; it has {', '.join(there)}."
            )
    methods = {}
    for key, path in settings_files.items():
        if wanted is None or key.method in wanted:
            values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            methods[key] = create_method(key.method, network.model, **values)
    return methods


def _score(
    mosaic: Mosaic, name: str, method: Method, network: Checkpoint, pictures: PileDataset, *, shrink: bool
) -> dict[str, object]:
    """Return the row of one mosaic."""
    image = mosaic_input(mosaic, pictures, network, shrink=shrink)
    side = image.shape[-1]
    try:
        maps = method.attribute(image[None].to(device_of(network.model)), [[mosaic.class_index]])[0]
    except (RuntimeError, AssertionError, ValueError) as error:
        if shrink:
            raise
        raise BrickbenchError(
            f"{name} fails on mosaics of {side} px ({str(error).splitlines()[0]}). If the network takes "
            f"pictures of {network.input_size_px} px only, give --shrink."
        ) from error
    found = score(FOCUS, resize_maps(maps, side, side, find_method(name).resize), tiles_mask(mosaic, side)[None])
    return {
        "mosaic": mosaic.number,
        "part_id": network.classes[mosaic.class_index],
        "image_ids": [pictures.image_ids[place] for place in mosaic.places],
        "shows": list(mosaic.shows),
        "value": found.values[0],
        "status": str(found.status[0]),
        "chance": found.chance[0],
    }


def _row(label: str, name: str, table: pa.Table, seed: int, setting: str) -> FocusRow:
    values = np.array(table.column("value").to_pylist(), dtype=np.float64)
    undefined, applies = float(np.isnan(values).mean()), find_method(name).has_zero
    if not applies:
        values, undefined = np.full(len(values), np.nan), 0.0
    interval = mean_interval(values, np.arange(len(values)), seed=seed, bounds=(0.0, 1.0))
    return FocusRow(
        method=label,
        kind=find_method(name).kind,
        metric=FOCUS,
        mean=interval.mean,
        low=interval.low,
        high=interval.high,
        chance=float(np.mean(table.column("chance").to_pylist())),
        undefined=undefined,
        mosaics=len(values),
        applies=applies,
        setting=setting,
    )


def plan_mosaics(pictures: PileDataset, count: int, *, seed: int) -> list[Mosaic]:
    """Return `count` mosaics; a longer plan of the same seed begins with the same ones.

    Parts take turns, in an order drawn for each round, so that rare ones count as much as common ones. A mosaic's
    piles are drawn from those with the part and those without it; a pile whose views differ in that is neither.

    Raises:
        BrickbenchError: no part is in two piles and missing in two.
    """
    groups, first = np.unique(pictures.groups, return_index=True)
    targets = pictures.targets.astype(bool)
    shown = np.stack([targets[pictures.groups == group].all(axis=0) for group in groups])  # (groups, C)
    absent = np.stack([~targets[pictures.groups == group].any(axis=0) for group in groups])
    usable = np.flatnonzero((shown.sum(axis=0) >= 2) & (absent.sum(axis=0) >= 2))
    if len(usable) == 0:
        raise BrickbenchError(
            f"Split {pictures.split!r} has no part that two piles show and two do not, as a mosaic needs: "
            "take another split, or render more piles."
        )
    mosaics = []
    for number in range(count):
        turn, place = divmod(number, len(usable))
        class_index = int(generator(seed, turn, Purpose.CONTENT).permutation(usable)[place])
        rng = generator(seed, turn, Purpose.CONTENT, 1 + place)
        having = rng.choice(np.flatnonzero(shown[:, class_index]), 2, replace=False)
        lacking = rng.choice(np.flatnonzero(absent[:, class_index]), 2, replace=False)
        order = rng.permutation(4)
        tiles, shows = np.concatenate([having, lacking])[order], np.array([True, True, False, False])[order]
        mosaics.append(Mosaic(number, class_index, tuple(first[tiles].tolist()), tuple(shows.tolist())))
    return mosaics


def mosaic_input(mosaic: Mosaic, pictures: PileDataset, network: Checkpoint, *, shrink: bool) -> Tensor:
    """Return a mosaic as the network takes it, float32: (3, 2S, 2S) of tiles of its input size S, (3, S, S) shrunk."""
    tiles = [network.network_input(pictures.image(place)) for place in mosaic.places]
    whole = torch.cat([torch.cat(tiles[:2], dim=2), torch.cat(tiles[2:], dim=2)], dim=1)
    return torch.nn.functional.avg_pool2d(whole[None], 2)[0] if shrink else whole


def tiles_mask(mosaic: Mosaic, side_px: int) -> BoolArray:
    """Return where the tiles that show the part are on a map of `side_px`, an even number: (side_px, side_px)."""
    return np.kron(np.array(mosaic.shows).reshape(2, 2), np.ones((side_px // 2, side_px // 2))).astype(np.bool_)
