"""What the index and the network know of each scored pair of picture and part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataset.dataset_folder import DatasetFolder
from evaluation.intervals import FloatArray
from evaluation.score_store import read_table
from training.run.run import Run

ObjectArray = NDArray[np.object_]
Pair = tuple[str, str]


@dataclass(frozen=True)
class PairFacts:
    """Facts of P pairs of picture and part, with None or NaN where nobody knows."""

    part_id: ObjectArray
    """(P,) str"""
    part_name: ObjectArray
    """(P,) str"""
    category: ObjectArray
    """(P,) str"""
    source: ObjectArray
    """(P,) ``synthetic`` or ``real``"""
    lighting: ObjectArray
    """(P,) str; None for photos"""
    floor: ObjectArray
    """(P,) str; None for photos"""
    bricks: FloatArray
    """(P,) bricks in the picture of which something is seen; NaN for a photo without boxes"""
    visible_fraction: FloatArray
    """(P,) of the part's best visible brick, the share that is seen; NaN for photos and where the part is not there"""
    visible_px: FloatArray
    """(P,) pixels of the part that are seen, all its bricks together; NaN as above"""
    logit: FloatArray
    """(P,) NaN where the network was not applied"""

    @property
    def is_right(self) -> ObjectArray:
        """Return whether the network found the part, or rightly did not, (P,); None where there is no logit."""
        present = ~np.isnan(self.visible_px) | (self.source == "real")
        right = [
            None if np.isnan(logit) else bool((logit > 0) == is_there)
            for logit, is_there in zip(self.logit, present, strict=True)
        ]
        return np.array(right, dtype=object)

    @property
    def confidence(self) -> FloatArray:
        """Return the probability that the network gives to what it says, (P,): 0.5 to 1; NaN without a logit."""
        return np.asarray(1 / (1 + np.exp(-np.abs(self.logit))), dtype=np.float64)

    def as_columns(self) -> dict[str, list[object]]:
        """Return the facts as columns of a table, None where nobody knows."""
        columns = {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}
        return {name: [None if value != value else value for value in column] for name, column in columns.items()}


def read_pair_facts(dataset: DatasetFolder, pairs: Sequence[Pair], logits: Mapping[Pair, float]) -> PairFacts:
    """Return the facts of `pairs` (image_id, part_id), which the index of `dataset` knows."""
    chosen = sorted({image_id for image_id, _ in pairs})
    images = dataset.query(
        "SELECT image_id, source, lighting, background, n FROM images LEFT JOIN (SELECT image_id, count(*) AS n "
        "FROM instances WHERE coalesce(visible_px, 1) > 0 GROUP BY image_id) USING (image_id) "
        "WHERE image_id IN (SELECT unnest(?))",
        [chosen],
    )
    seen = dataset.query(
        "SELECT image_id, part_id, max(visible_fraction), sum(visible_px) FROM instances WHERE visible_px > 0 "
        "AND image_id IN (SELECT unnest(?)) GROUP BY image_id, part_id",
        [chosen],
    )
    parts = dataset.query("SELECT part_id, name, category FROM parts")
    of_image = {image_id: rest for image_id, *rest in images}
    of_pair = {(image_id, part_id): (fraction, pixels) for image_id, part_id, fraction, pixels in seen}
    of_part = {part_id: rest for part_id, *rest in parts}
    rows = [
        (
            part_id,
            *of_part.get(part_id, (part_id, None)),
            *of_image[image_id],
            *of_pair.get((image_id, part_id), (None, None)),
            logits.get((image_id, part_id)),
        )
        for image_id, part_id in pairs
    ]
    part, name, category, source, lighting, floor, bricks, fraction, pixels, logit = (
        np.array(column, dtype=object) for column in zip(*rows, strict=True)
    )
    return PairFacts(part, name, category, source, lighting, floor, *map(_numbers, (bricks, fraction, pixels, logit)))


def read_logits(run: Run, checkpoint: str) -> dict[Pair, float]:
    """Return the logits of (image_id, part_id) that the run holds for one checkpoint; empty if it was not applied.

    Logits of pictures that are not those of the run's dataset, such as others of the same names, are passed over.

    Raises:
        BrickbenchError: a file is damaged.
    """
    logits: dict[Pair, float] = {}
    hashes = dict(run.dataset.query("SELECT image_id, content_hash FROM images"))
    for path in sorted((run.folder / "predictions").glob("*.parquet")):
        if path.name.startswith("."):
            continue
        columns = read_table(path, "train predict").to_pydict()
        contents = columns.get("content_hash") or [None] * len(columns["logit"])  # older files have none
        keys = zip(columns["image_id"], columns["part_id"], strict=True)
        rows = zip(columns["checkpoint"], keys, columns["logit"], contents, strict=True)
        logits |= {
            key: logit
            for name, key, logit, content in rows
            if name == checkpoint and content in (None, hashes.get(key[0]))
        }
    return logits


def _numbers(values: ObjectArray) -> FloatArray:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)
