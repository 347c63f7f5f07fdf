"""Write the tables of docs/gold.md, and the results that reports know, from what `evaluate gold --json` printed.

brickbench evaluate gold bricks --json > built.json
brickbench evaluate gold bricks --train bricknet --json > trained.json
python docs/write_gold.py built.json --trained trained.json
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.gold.calibration import Calibration, GoldResult, GoldScore
from evaluation.gold.cases import CASES
from evaluation.gold.known import SHIPPED
from evaluation.gold.table import gold_rows, reason_lines
from explain.methods import METHODS

PAGE = Path(__file__).with_name("gold.md")


def read(path: Path) -> tuple[Calibration, dict[str, Any]]:
    """Return the results in a file, and the file's content."""
    content = json.loads(path.read_text(encoding="utf-8"))

    def numbers(row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: float("nan") if value is None else value for name, value in row.items()}

    tests = tuple(GoldResult(**numbers(row)) for row in content["tests"])
    return Calibration(tests, tuple(GoldScore(**numbers(row)) for row in content["scores"])), content


def markdown(rows: Sequence[Mapping[str, str]], first: str = "---") -> str:
    """Return rows as a table; all columns but the first are aligned as `first` says."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"| --- | {' | '.join([first] * (len(names) - 1))} |"]
    return "\n".join(lines + [f"| {' | '.join(row[name] for name in names)} |" for row in rows])


def value_rows(found: Calibration, test: str) -> list[dict[str, str]]:
    """Return the values of one test, a row a method and a column a network that asks for it; empty where not made."""
    cells = {
        (one.method, one.network): "–" if one.result == "not applicable" else f"{one.value:.2f}"
        for one in found.results
        if one.test == test
    }
    networks = list(dict.fromkeys(network for _, network in cells))
    return [
        {"method": f"`{method}`"} | {f"`{network}`": cells.get((method, network), "") for network in networks}
        for method in dict.fromkeys(method for method, _ in cells)
    ]


def claim_rows() -> list[dict[str, str]]:
    """Return what the maps of each method may be read for."""
    return [
        {"method": f"`{row.name}`", "claims": ", ".join(row.claims), "why its 0 means nothing": row.no_zero}
        for row in METHODS.values()
        if row.kind == "method"
    ]


def tables(found: Calibration, test: str, words: str) -> str:
    """Return methods by tests, and the values of one test, which `words` say, by network."""
    rows = [row | {"method": f"`{row['method']}`"} for row in gold_rows(found)]
    return (
        f"{markdown(rows)}\n\n{words} (`{test}`), by network; chance is the row `uniform`:\n\n"
        f"{markdown(value_rows(found, test), '---:')}"
    )


def replaced(text: str, name: str, content: str) -> str:
    """Return `text` with `content` between the marks called `name`."""
    start, end = f"<!-- {name}: written by docs/write_gold.py -->", f"<!-- end of {name} -->"
    before, rest = text.split(start)
    return f"{before}{start}\n\n{content}\n\n{end}{rest.split(end)[1]}"


def main() -> None:
    """Write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("built", type=Path)
    parser.add_argument("--trained", type=Path, action="append", default=[], help="may be repeated")
    arguments = parser.parse_args()
    found, content = read(arguments.built)
    text = replaced(PAGE.read_text(encoding="utf-8"), "claims", markdown(claim_rows()))
    reasons = "\n".join(f"- {line}" for line in reason_lines(found))
    of_built = tables(found, "hit", "The highest place on the reason")
    text = replaced(text, "built", f"{of_built}\n\nWhy methods fail, as the command prints it:\n\n{reasons}")
    if arguments.trained:
        results = [one for path in arguments.trained for one in read(path)[0].results if one.network not in CASES]
        results.sort(key=lambda one: list(METHODS).index(one.method))
        of_trained = Calibration(tuple(results), ())
        hits = markdown(value_rows(of_trained, "hit"), "---:")
        near = tables(of_trained, "near", "The highest place within a cell of the reason")
        text = replaced(text, "trained", f"{near}\n\nOn the reason itself (`hit`):\n\n{hits}")
    PAGE.write_text(text, encoding="utf-8")
    SHIPPED.write_text(json.dumps({"methods": content["methods"]}, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
