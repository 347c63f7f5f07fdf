"""Rows of older versions of the schema, brought to today's.

Version 2 (before photos) lacks `group_id` and the columns that only photos fill, and held some to be never NULL.
Version 1 did not say how much of a brick lies inside the frame, which cannot be known afterwards: it is refused.
"""

import pyarrow as pa

from dataset.schema import IMAGES_SCHEMA, INSTANCES_SCHEMA
from dataset.splits import pile_group

_NEW_IMAGE_COLUMNS = {"group_id", "original_file", "imported_split", "split_given", "annotated_labels"}


def upgraded(table: pa.Table) -> pa.Table:
    """Return the rows of a shard's file with today's columns; a table of no known version comes back as it is."""
    names = set(table.column_names)
    if table.schema.equals(IMAGES_SCHEMA) or table.schema.equals(INSTANCES_SCHEMA):
        return table
    if names == set(INSTANCES_SCHEMA.names):
        return table.cast(INSTANCES_SCHEMA)
    if names != set(IMAGES_SCHEMA.names) - _NEW_IMAGE_COLUMNS:
        return table
    groups = pa.array([pile_group(pile) for pile in table["pile_index"].to_pylist()], pa.string())
    table = table.append_column("group_id", groups)
    for name in sorted(_NEW_IMAGE_COLUMNS - {"group_id"}):
        table = table.append_column(name, pa.nulls(table.num_rows, IMAGES_SCHEMA.field(name).type))
    return table.select(IMAGES_SCHEMA.names).cast(IMAGES_SCHEMA)
