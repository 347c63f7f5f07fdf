"""Which of a report's methods find reasons that are known: what `evaluate gold` said of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.gold.known import KnownMethod, KnownTest
from evaluation.report.words import listed
from evaluation.statistics.table import MethodLabel
from explain.methods import METHODS
from explain.store import ATTRIBUTIONS, DEFAULT_LAYER_FILE, SETTINGS_FILE
from training.run.run import Run

MARK = "†"
"""Beside a method that fails a test, wherever it is ranked."""


@dataclass(frozen=True)
class TruthLine:
    """One explanation of a report."""

    method: MethodLabel
    known: KnownMethod | None
    """None where it was not tested, or with other settings."""
    has_other_settings: bool = False

    @property
    def failed(self) -> list[str]:
        """Return the tests that it fails."""
        return [] if self.known is None else self.known.failed

    @property
    def reasons(self) -> list[str]:
        """Return why it fails, each reason with its tests, as sentences."""
        told: dict[str, list[str]] = {}
        for name in self.failed:
            for reason in self._test(name).reasons:
                told.setdefault(reason, []).append(name)
        return [f"{listed(tests).capitalize()}: {reason}." for reason, tests in told.items()]

    def cell(self, test: str) -> str:
        """Return what a test came to, in a word or two; a dash where it does not apply."""
        if self.known is None or test not in self.known.tests:
            return "not tested"
        found = self._test(test)
        if found.result == "not applicable":
            return "–"
        return "pass" if found.result == "pass" else f"fails {len(found.failed)} of {found.networks}"

    def _test(self, name: str) -> KnownTest:
        assert self.known is not None, "a method that was tested"
        return self.known.tests[name]


def truth_lines(run: Run, methods: Sequence[MethodLabel], known: Sequence[KnownMethod]) -> list[TruthLine]:
    """Return a line for each explanation among `methods` of `run`; baselines and the oracle have none."""
    lines = []
    for method in methods:
        if not method.is_ranked:
            continue
        row = METHODS[method.key.method]
        folder = run.folder / ATTRIBUTIONS / str(method.key)
        settings, by_rule = row.settings.load(folder / SETTINGS_FILE), (folder / DEFAULT_LAYER_FILE).is_file()
        named = [one for one in known if one.method == row.name]
        same = [one for one in named if one.is_of(settings, is_default_layer=by_rule)]
        lines.append(TruthLine(method, same[0] if same else None, bool(named) and not same))
    return lines


def truth_words(lines: Sequence[TruthLine]) -> list[str]:
    """Return sentences on methods that fail, and on those that were not tested; none where all pass."""
    failing = [f"{line.method.title} ({listed(line.failed)})" for line in lines if line.failed]
    unknown = [line.method.title for line in lines if line.known is None]
    words = []
    if failing:
        words.append(
            f"On networks whose reasons are known, tests are failed by {listed(failing)}: "
            f"the mark {MARK} stands beside such a method where it is ranked."
        )
    if unknown:
        verb = "was" if len(unknown) == 1 else "were"
        words.append(f"{listed(unknown)} {verb} not tested on networks whose reasons are known, with these settings.")
    return words
