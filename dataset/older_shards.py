"""Rows of shards that an earlier Brickbench wrote, in the columns of today."""

import pyarrow as pa
import pyarrow.compute as pc

_NO_DISTORTION = [0.0] * 5


def brought_up_to_date(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with the columns of `schema` where they lack only such as came later; else the table as it is.

    Up to version 0.7 a camera had one focal length, its axis in the middle of the picture, and no distortion. What
    nobody recorded then is NULL.
    """
    if table.schema.equals(schema):
        return table
    known = {name: table.column(name) for name in table.column_names}
    if "camera_focal_px" in known:
        known |= _lens(known.pop("camera_focal_px"), known["width"], known["height"])
    if not known.keys() <= set(schema.names):
        return table
    if any(name not in known and not schema.field(name).nullable for name in schema.names):
        return table
    columns = [known.get(field.name, pa.nulls(table.num_rows, field.type)) for field in schema]
    if any(column.type != field.type for column, field in zip(columns, schema, strict=True)):
        return table
    return pa.table(columns, schema=schema.with_metadata(table.schema.metadata))


def _lens(focal: pa.ChunkedArray, width: pa.ChunkedArray, height: pa.ChunkedArray) -> dict[str, pa.ChunkedArray]:
    """Return the columns of a lens; they are NULL where `focal` is, for photos."""
    axis = [
        pc.if_else(pc.is_valid(focal), pc.divide(pc.subtract(pc.cast(side, pa.float64()), 1.0), 2.0), None)
        for side in (width, height)
    ]
    reals = pa.list_(pa.float64())
    distortion = pa.array([_NO_DISTORTION if valid else None for valid in pc.is_valid(focal).to_pylist()], reals)
    return {
        "camera_fx_px": focal,
        "camera_fy_px": focal,
        "camera_cx_px": axis[0],
        "camera_cy_px": axis[1],
        "camera_distortion": pa.chunked_array([distortion]),
    }
