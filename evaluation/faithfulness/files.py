"""Scores of faithfulness on disk: files beside those of localisation, in the same form, one for each file of maps."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BrickbenchError, SettingsError
from core.files import atomic_file
from core.settings import Settings

PREFIX = "faithfulness"
_SCHEMA = pa.schema(
    [
        ("attribution_id", pa.string()),
        ("metric", pa.string()),
        ("value", pa.float64()),
        ("status", pa.string()),
        ("chance", pa.float64()),
        ("metric_settings", pa.string()),
        ("resize", pa.string()),
    ]
)


@dataclass(frozen=True)
class Score:
    """What one measure says of one map."""

    value: float
    """NaN where `status` is not ``ok``."""
    status: str
    chance: float


@dataclass(frozen=True)
class ScoreKey:
    """Which map, by which measure."""

    attribution_id: str
    metric: str


def scores_file(folder: Path, shard: Path) -> Path:
    """Return where the scores of the maps in `shard` go within the run's folder of scores."""
    return folder / f"{PREFIX}-{shard.parent.name}-{shard.stem}.parquet"


def read_scores(
    path: Path, chosen: Mapping[str, Settings], asked: Collection[str], *, force: bool
) -> dict[ScoreKey, tuple[Score, str]]:
    """Return what the file holds with the settings of each as JSON; nothing if it is not there.

    With `force` the chosen measures are left out for the maps in `asked` (their ids), to be made anew, and for all maps
    where they have other settings: one file holds one measure with one setting.

    Raises:
        SettingsError: a chosen measure has other settings there, without `force`.
        BrickbenchError: the file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        rows = pq.read_table(path, schema=_SCHEMA, partitioning=None).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise BrickbenchError(f"{path} is damaged: delete it and run `evaluate faithfulness` again.") from error
    found = {}
    for row in rows:
        name = row["metric"]
        if name in chosen:
            wanted = chosen[name].model_dump_json()
            is_same = row["metric_settings"] == wanted
            if force and not (is_same and row["attribution_id"] not in asked):
                continue
            if not is_same:
                raise SettingsError(
                    f"{path.parent} holds scores of {name} with the settings {row['metric_settings']}, not {wanted}: "
                    "give the same ones, or --force to score again."
                )
        value, chance = (np.nan if row[key] is None else row[key] for key in ("value", "chance"))
        found[ScoreKey(row["attribution_id"], name)] = Score(value, row["status"], chance), row["metric_settings"]
    return found


def write_scores(path: Path, scores: Mapping[ScoreKey, tuple[Score, str]], resize: str) -> None:
    """Write the scores of one file of maps, which were brought to the network's input size by the rule `resize`.

    Rows are sorted by measure and map: the file is the same in whatever order they came.
    """
    keys = sorted(scores, key=lambda key: (key.metric, key.attribution_id))
    rows = [scores[key] for key in keys]
    columns = [
        [key.attribution_id for key in keys],
        [key.metric for key in keys],
        _numbers(score.value for score, _ in rows),
        [score.status for score, _ in rows],
        _numbers(score.chance for score, _ in rows),
        [settings for _, settings in rows],
        [resize] * len(rows),
    ]
    table = pa.table(dict(zip(_SCHEMA.names, columns, strict=True)), schema=_SCHEMA)
    with atomic_file(path) as temporary:
        pq.write_table(table, temporary)


def _numbers(values: Iterable[float]) -> pa.Array:
    return pa.array(np.fromiter(values, dtype=np.float64), from_pandas=True)  # NaN becomes null
