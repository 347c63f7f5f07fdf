"""The page on metrics is the one that the registry writes."""

import importlib.util
from pathlib import Path

from evaluation.localization.registry import DEFINITIONS, METRICS

DOCS = Path(__file__).parents[3] / "docs"


def test_definitions_are_those_of_the_registry() -> None:
    spec = importlib.util.spec_from_file_location("write_metrics", DOCS / "write_metrics.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (DOCS / "metrics.md").read_text(encoding="utf-8")
    assert module.page(text) == text, "run `python docs/write_metrics.py`"


def test_every_row_says_everything() -> None:
    rows = [measure.as_row() for measure in DEFINITIONS.values()]
    assert [row["metric"] for row in rows] == list(DEFINITIONS)
    for row in rows:
        assert all(str(value) for value in row.values()), row["metric"]
        assert row["equals"] == "none" or row["equals"] in METRICS
    titles = [row["title"] for row in rows]
    assert len(set(titles)) == len(titles)
