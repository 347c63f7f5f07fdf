"""A calibration as text: methods by tests, then why methods fail."""

from collections.abc import Sequence

from tabulate import tabulate

from evaluation.gold.calibration import Calibration, GoldResult
from evaluation.gold.checks import TESTS


def gold_lines(found: Calibration) -> list[str]:
    """Return the table of methods by tests, the tests' limits, the layers that were read, and why methods fail."""
    lines = [tabulate(gold_rows(found), headers="keys", disable_numparse=True), ""]
    lines += [f"{test.name}: {test.question} ({test.direction} {test.limit:g})" for test in TESTS.values()]
    read = layer_lines(found)
    lines += ["", *read] if read else []
    why = reason_lines(found)
    return lines + (["", *why] if why else [])


def gold_rows(found: Calibration) -> list[dict[str, str]]:
    """Return a row a method with a cell for each test: pass, the worst value with its network, or a dash."""
    methods = list(dict.fromkeys(one.method for one in found.results))
    rows = []
    for method in methods:
        own = [one for one in found.results if one.method == method]
        rows.append({"method": method} | {name: _cell([one for one in own if one.test == name]) for name in TESTS})
    return rows


def _cell(results: Sequence[GoldResult]) -> str:
    """Return what the results of one test on all networks come to."""
    tested = [one for one in results if one.result != "not applicable"]
    if not tested:
        return "–"
    failed = [one for one in tested if one.result == "fail"]
    if not failed:
        return "pass"
    worst = (max if failed[0].direction == "at most" else min)(failed, key=lambda one: one.value)
    return f"{worst.value:.2f} {worst.network}" + (f", {len(failed)} of {len(tested)}" if len(tested) > 1 else "")


def layer_lines(found: Calibration) -> list[str]:
    """Return which layers were read, each with its grid."""
    named: dict[str, list[str]] = {}
    for one in found.scores:
        if one.layer:
            named.setdefault(f"{one.method}: {one.layer} ({one.grid})", []).append(one.network)
    return [f"{words} of {', '.join(networks)}" for words, networks in named.items()]


def reason_lines(found: Calibration) -> list[str]:
    """Return a line a reason, with the methods that it makes fail and on which networks."""
    networks: dict[tuple[str, str], list[str]] = {}
    for one in found.results:
        if one.result == "fail":
            networks.setdefault((one.reason or "not explained", one.method), []).append(one.network)
    methods: dict[str, dict[str, list[str]]] = {}
    for (reason, method), where in networks.items():
        methods.setdefault(reason, {}).setdefault(", ".join(dict.fromkeys(where)), []).append(method)
    return [
        "; ".join(f"{', '.join(some)} on {where}" for where, some in of_reason.items()) + f": {reason}."
        for reason, of_reason in methods.items()
    ]
