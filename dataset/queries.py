"""Questions put to an index: what a dataset holds, and what a user asks in SQL."""

from typing import Any

import duckdb

from core.errors import SettingsError
from dataset.database import INDEX_NAME, MEMORY_LIMIT, is_of_the_file, named_rows, refusal
from dataset.dataset_folder import DatasetFolder
from dataset.splits import SPLITS


def summarize(dataset: DatasetFolder) -> dict[str, Any]:
    """Return what the dataset holds.

    Totals under ``totals``; one row a split under ``splits``; one row a part under ``parts``, with the images that
    have its label and its bricks; counts of images by ``backgrounds`` and ``lightings``; the two rules of
    ``dataset.yaml``.

    Raises:
        BrickbenchError: it has no index.
    """
    with dataset.index() as index:
        (totals,) = named_rows(
            index,
            "SELECT (SELECT count(*) FROM images) AS images, (SELECT count(DISTINCT pile_index) FROM images) AS piles, "
            "(SELECT count(*) FROM images WHERE source = 'real') AS photos, "
            "(SELECT count(*) FROM instances) AS instances, (SELECT count(*) FROM labels) AS labels, "
            "(SELECT count(*) FROM shards) AS shards, (SELECT count(*) FROM runs) AS runs",
        )
        counted = {
            split: {"images": images, "piles": piles}
            for split, images, piles in index.execute(
                "SELECT split, count(*), count(DISTINCT pile_index) FROM images GROUP BY split"
            ).fetchall()
        }
        parts = named_rows(
            index,
            "SELECT class_index, part_id, name, category, coalesce(l.images, 0) AS images, "
            "coalesce(i.instances, 0) AS instances FROM parts "
            "LEFT JOIN (SELECT part_id, count(*) AS images FROM labels GROUP BY part_id) l USING (part_id) "
            "LEFT JOIN (SELECT part_id, count(*) AS instances FROM instances GROUP BY part_id) i USING (part_id) "
            "ORDER BY class_index",
        )
        return {
            "seed": dataset.manifest.seed,
            "totals": totals,
            "splits": [{"split": name} | counted.get(name, {"images": 0, "piles": 0}) for name in SPLITS],
            "parts": parts,
            "backgrounds": named_rows(index, _count_by("background")),
            "lightings": named_rows(index, _count_by("lighting")),
            "label_rule": dataset.manifest.label_rule.model_dump(),
            "split_rule": dataset.manifest.split_rule.model_dump(),
        }


def query(
    dataset: DatasetFolder, sql: str, memory_limit: str = MEMORY_LIMIT
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Return the column names and rows that `sql` gives; it can change nothing and reach no other file.

    Raises:
        SettingsError: DuckDB does not take the SQL; says why.
        BrickbenchError: there is no index.
    """
    with dataset.index(memory_limit) as index:
        try:
            index.execute("SET lock_configuration = true")
            index.execute(sql)
            names = [column[0] for column in index.description or ()]
            rows = index.fetchall() if names else []
        except duckdb.Error as error:
            if is_of_the_file(error):
                raise refusal(error, dataset.root / INDEX_NAME) from error
            reason = " ".join(str(error).split("\n\n")[0].split()).rstrip(".!")
            hint = f"Tables are listed by `brickbench dataset query {dataset.root} 'SHOW TABLES'`, views by --views."
            if isinstance(error, duckdb.PermissionException | duckdb.InvalidInputException):
                hint = "A query can only read the index."
            raise SettingsError(f"The query failed: {reason}. {hint}") from error
    return _distinct(names), rows


def _count_by(column: str) -> str:
    return f"SELECT {column}, count(*) AS images FROM images GROUP BY {column} ORDER BY images DESC, {column}"


def _distinct(names: list[str]) -> list[str]:
    """Number the second and later of equal column names, so that rows can be dicts."""
    taken: set[str] = set()
    distinct = []
    for name in names:
        number, candidate = 1, name
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        distinct.append(candidate)
    return distinct
