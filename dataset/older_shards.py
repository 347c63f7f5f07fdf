"""Rows of shards that an earlier Brickbench wrote, in the columns of today."""

import pyarrow as pa


def brought_up_to_date(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return rows with the columns of `schema` where they lack only such as came later; else the table as it is.

    What nobody recorded then is NULL.
    """
    if table.schema.equals(schema):
        return table
    known = {name: table.column(name) for name in table.column_names}
    if not known.keys() <= set(schema.names):
        return table
    if any(name not in known and not schema.field(name).nullable for name in schema.names):
        return table
    columns = [known.get(field.name, pa.nulls(table.num_rows, field.type)) for field in schema]
    if any(column.type != field.type for column, field in zip(columns, schema, strict=True)):
        return table
    return pa.table(columns, schema=schema.with_metadata(table.schema.metadata))
