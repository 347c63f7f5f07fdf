"""What the index knows about the pictures that were labelled: where they come from, and how hard they are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.database import open_index
from dataset.pile_dataset import PileDataset
from training.validation.metrics import FloatArray

ObjectArray = npt.NDArray[np.object_]


@dataclass(frozen=True)
class PictureFacts:
    """Facts of N pictures, in the order of their dataset, with None or NaN where nobody knows."""

    split: ObjectArray
    """(N,) str"""
    source: ObjectArray
    """(N,) ``synthetic`` or ``real``"""
    lighting: ObjectArray
    """(N,) str or None: of photos nobody knows it"""
    background: ObjectArray
    """(N,) str or None"""
    bricks: FloatArray
    """(N,) bricks of which something is seen; NaN for a photo without boxes"""
    visibility: FloatArray
    """(N, C) of the brick of that part of which most is seen, the share that is seen; NaN without such a brick, and
    for photos. A part may be seen and still be no label, if the label rule finds it too little."""

    def least_visible_label(self, targets: npt.NDArray[np.float32]) -> FloatArray:
        """Return the smallest visibility among the labelled parts of each picture, (N,); NaN where it is not known."""
        values = np.where(targets > 0.5, self.visibility, np.inf).min(axis=1, initial=np.inf)
        return np.where(np.isfinite(values), values, np.nan)  # an unknown one makes the minimum NaN

    def mean_label_visibility(self, targets: npt.NDArray[np.float32]) -> FloatArray:
        """Return the mean visibility of the labelled parts of each picture, (N,); NaN where it is not known."""
        labelled = targets > 0.5
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(labelled, self.visibility, 0.0).sum(axis=1) / labelled.sum(axis=1))


def read_facts(pictures: PileDataset) -> PictureFacts:
    """Return the facts of all `pictures`, from the index of their dataset."""
    row_of = {image_id: row for row, image_id in enumerate(pictures.image_ids)}
    column_of = {part_id: column for column, part_id in enumerate(pictures.classes)}
    chosen = list(pictures.image_ids)
    with open_index(pictures.root) as index:
        images = index.execute(
            "SELECT split, source, lighting, background, n FROM images LEFT JOIN (SELECT image_id, count(*) AS n "
            "FROM instances WHERE coalesce(visible_px, 1) > 0 GROUP BY image_id) USING (image_id) "
            "WHERE image_id IN (SELECT unnest(?)) ORDER BY image_id",
            [chosen],
        ).fetchall()
        seen = index.execute(
            "SELECT image_id, part_id, max(visible_fraction) FROM instances WHERE visible_fraction IS NOT NULL "
            "AND image_id IN (SELECT unnest(?)) AND part_id IN (SELECT unnest(?)) GROUP BY image_id, part_id",
            [chosen, list(pictures.classes)],
        ).fetchall()
    split, source, lighting, background, bricks = (
        np.array(column, dtype=object) for column in zip(*images, strict=True)
    )
    visibility = np.full((len(row_of), len(column_of)), np.nan)
    for image_id, part_id, fraction in seen:
        visibility[row_of[image_id], column_of[part_id]] = fraction
    no_bricks = np.where(source == "real", np.nan, 0.0)  # an empty render has none, a photo may have no boxes
    counted = np.array([np.nan if n is None else n for n in bricks], dtype=np.float64)
    return PictureFacts(
        split=split,
        source=source,
        lighting=lighting,
        background=background,
        bricks=np.where(np.isnan(counted), no_bricks.astype(np.float64), counted),
        visibility=visibility,
    )
