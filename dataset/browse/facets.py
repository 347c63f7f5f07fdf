"""SQL over the tables of a snapshot: which pictures a filter lets through, and how many each value would leave."""

from collections.abc import Mapping, Sequence

import duckdb

from dataset.browse.filters import FACETS, Filter

Counts = dict[str, dict[int, int]]
"""For each facet and for ``part``: pictures by the code of the value; values without a picture are left out."""

Codes = Mapping[str, Sequence[int]]
"""For each facet that is filtered by and for ``part``: the codes of the values wanted."""


def where(wanted: Filter, codes: Codes) -> tuple[str, list[object]]:
    """Return the condition on ``pictures`` that `wanted` means, and its parameters."""
    common, parameters = _common(wanted, codes)
    return " AND ".join([common, *(_own(facet, codes) for facet in FACETS)]), parameters


def count_values(cursor: duckdb.DuckDBPyConnection, wanted: Filter, codes: Codes) -> Counts:
    """Return how many pictures each part and each value of a facet would leave.

    A part is counted together with all that is chosen, since chosen parts must all be there. Values of a facet
    exclude one another, so they are counted as if that facet were free. Closes `cursor`.
    """
    common, parameters = _common(wanted, codes)
    others = {facet: " AND ".join([_own(name, codes) for name in FACETS if name != facet]) for facet in FACETS}
    everything = " AND ".join(_own(name, codes) for name in FACETS)
    bricks, bounds = _visible_bricks(wanted) if wanted.by_visibility else ("labels", [])
    queries = [
        f"SELECT '{facet}' AS facet, \"{facet}\" AS code, count(*) AS pictures FROM base "
        f"WHERE {others[facet]} GROUP BY code"
        for facet in FACETS
    ]
    queries.append(
        f"SELECT 'part', part, count(*) FROM {bricks} "
        f"SEMI JOIN (SELECT position FROM base WHERE {everything}) USING (position) GROUP BY part"
    )
    sql = f"WITH base AS MATERIALIZED (FROM pictures WHERE {common}) " + " UNION ALL ".join(queries)
    counts: Counts = {facet: {} for facet in (*FACETS, "part")}
    with cursor:
        for facet, code, pictures in cursor.execute(sql, [*parameters, *bounds]).fetchall():
            counts[facet][code] = pictures
    return counts


def _own(facet: str, codes: Codes) -> str:
    wanted = codes.get(facet)
    return f'"{facet}" IN ({", ".join(str(int(code)) for code in wanted)})' if wanted else "true"


def _common(wanted: Filter, codes: Codes) -> tuple[str, list[object]]:
    """Return the condition that is not of a facet: on bricks and parts."""
    terms, parameters = ["true"], list[object]()
    for bound, sign in ((wanted.bricks_min, ">="), (wanted.bricks_max, "<=")):
        if bound is not None:
            terms.append(f"bricks {sign} ?")
            parameters.append(bound)
    table, bounds = _visible_bricks(wanted) if wanted.by_visibility else ("labels", [])
    for code in codes["part"]:
        terms.append(f"position IN (SELECT position FROM {table} WHERE part = {int(code)})")
        parameters += bounds
    if wanted.by_visibility and not codes["part"]:
        terms.append(f"position IN (SELECT position FROM {table})")
        parameters += bounds
    return " AND ".join(terms), parameters


def _visible_bricks(wanted: Filter) -> tuple[str, list[object]]:
    low = 0.0 if wanted.visible_min is None else wanted.visible_min / 100
    high = 1.0 if wanted.visible_max is None else wanted.visible_max / 100
    return "(SELECT DISTINCT position, part FROM bricks WHERE visible BETWEEN ? AND ?)", [low, high]
