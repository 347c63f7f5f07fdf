"""One picture, with all that the index knows of it, read from the index itself."""

import math
from dataclasses import dataclass
from typing import Any

from dataset.browse.outlines import outline_path
from dataset.database import named_rows
from dataset.dataset_folder import DatasetFolder

Row = dict[str, Any]

_BRICKS = (
    "SELECT instances.*, parts.name, parts.class_index FROM instances JOIN parts USING (part_id) "
    "WHERE image_id = $image ORDER BY instance_id"
)


@dataclass(frozen=True)
class Detail:
    """All rows of the index that belong to one picture, columns by name."""

    image: Row
    bricks: list[Row]
    labels: list[Row]
    siblings: list[Row]
    """The other pictures of its group (views and twins of its pile, or doubles of a photo)."""
    predictions: list[Row]
    attributions: list[Row]
    """Each with its ``scores``, a list of rows."""


def read_detail(dataset: DatasetFolder, image_id: str) -> Detail | None:
    """Return all that the index knows of a picture, None if it has none of that name.

    Raises:
        BrickbenchError: the index cannot be opened.
    """
    with dataset.index() as index:

        def rows(sql: str) -> list[Row]:
            return named_rows(index, sql, image=image_id)

        images = rows("SELECT * FROM images WHERE image_id = $image")
        if not images:
            return None
        scores: dict[tuple[str, str], list[Row]] = {}
        for row in rows(
            "SELECT scores.* FROM scores SEMI JOIN (SELECT run_id, attribution_id FROM attributions "
            "WHERE image_id = $image) USING (run_id, attribution_id) ORDER BY metric"
        ):
            scores.setdefault((row["run_id"], row["attribution_id"]), []).append(row)
        attributions = rows(
            "SELECT * FROM attributions WHERE image_id = $image ORDER BY run_id, checkpoint, part_id, method"
        )
        return Detail(
            image=images[0],
            bricks=rows(_BRICKS),
            labels=rows(
                "SELECT part_id, name, class_index FROM labels JOIN parts USING (part_id) WHERE image_id = $image "
                "ORDER BY class_index"
            ),
            siblings=rows(
                "SELECT image_id, view_index, twin_of, twin_mode, removed_part_id, twin_factor, twin_part_id, "
                "twin_became, content_hash, width, height "
                "FROM images SEMI JOIN (SELECT group_id FROM images WHERE image_id = $image) USING (group_id) "
                "WHERE image_id <> $image ORDER BY image_id"
            ),
            predictions=rows(
                "SELECT predictions.*, name, class_index, labels.part_id IS NOT NULL AS is_label "
                "FROM predictions JOIN parts USING (part_id) LEFT JOIN labels USING (image_id, part_id) "
                "WHERE image_id = $image ORDER BY run_id, checkpoint, logit DESC, class_index"
            ),
            attributions=[
                row | {"scores": scores.get((row["run_id"], row["attribution_id"]), [])} for row in attributions
            ],
        )


def read_drawing(dataset: DatasetFolder, image_id: str) -> Row | None:
    """Return the size of a picture and, of each brick in it, name, box and paths to draw; None if there is none.

    Paths are of the visible and of the whole (amodal) mask, None where the index has no such mask.

    Raises:
        BrickbenchError: the index cannot be opened, or a mask is damaged.
    """
    with dataset.index() as index:
        images = named_rows(index, "SELECT width, height FROM images WHERE image_id = $image", image=image_id)
        bricks = named_rows(index, _BRICKS, image=image_id) if images else []
    if not images:
        return None
    size = images[0]["height"], images[0]["width"]
    return images[0] | {
        "bricks": [
            {
                "id": brick["instance_id"],
                "part": brick["part_id"],
                "name": brick["name"],
                "tint": brick["class_index"],
                "visible": brick["visible_fraction"],
                "box": list(brick["box_xywh_px"]),
                "mask": brick["visible_rle"] and outline_path(brick["visible_rle"], *size),
                "outline": brick["amodal_rle"] and outline_path(brick["amodal_rle"], *size),
            }
            for brick in bricks
        ]
    }


def probability(logit: float) -> float:
    """Return the logistic function of `logit`, in [0, 1]."""
    return 1.0 / (1.0 + math.exp(-logit)) if logit >= 0 else math.exp(logit) / (1.0 + math.exp(logit))
