"""All that a report says, as plain data: it is drawn as HTML, and written as JSON and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from core.errors import SettingsError
from evaluation.gold.known import SHIPPED, read_known
from evaluation.localization.focus_run import FocusRow, load_focus
from evaluation.localization.split_scores import SplitScore, load_split_scores
from evaluation.report.judge import core_metrics
from evaluation.report.known_truth import TruthLine, truth_lines, truth_words
from evaluation.report.verdict import NetworkFacts, Verdict, decide
from evaluation.statistics.contrast import Growth, grow, require_same_pictures
from evaluation.statistics.facts import PairFacts, read_logits, read_pair_facts
from evaluation.statistics.strata import Stratum, StratumScore, strata, stratum_scores
from evaluation.statistics.summary import Summary
from evaluation.statistics.table import MethodLabel, ScoreTable, load_scores, read_scored_run
from evaluation.statistics.variance import Variation, vary
from training.run.history import read_epochs
from training.run.run import Run, RunInfo, dataset_of


@dataclass(frozen=True)
class ReportData:
    """What the scores of a run come to, with all that they are broken down by."""

    run: Run
    table: ScoreTable
    summary: Summary
    facts: PairFacts
    logits: Mapping[tuple[str, str], float]
    """Of (image_id, part_id), as far as the network was applied."""
    epochs: list[dict[str, Any]]
    """Lines of ``epochs.jsonl``."""
    growth: list[Growth]
    """Empty where a single checkpoint was scored."""
    variation: list[Variation]
    """Between the runs (`also`), or between the checkpoints of the one run; empty where there is one of either."""
    varied: tuple[str, ...]
    """What `variation` is between."""
    also: tuple[RunInfo, ...]
    """Further runs on the same pictures."""
    splits: list[SplitScore]
    """Scores of whole splits by the explained checkpoint."""
    focus: dict[str, list[FocusRow]]
    """Focus on mosaics by method key; empty where there are none."""
    truth: list[TruthLine]
    """What each explanation came to on networks whose reasons are known."""

    @property
    def lead(self) -> str:
        """Return the metric that breakdowns and pictures are shown by."""
        return self.table.lead

    @property
    def explained_epoch(self) -> dict[str, Any] | None:
        """Return the line of ``epochs.jsonl`` of the checkpoint that was explained, if there is one."""
        return next((row for row in self.epochs if f"epoch_{row['epoch']:04d}" == self.table.checkpoint), None)

    @property
    def leaders(self) -> list[MethodLabel]:
        """Return the explanations in the order of their mean rank on `lead`; without a ranking in table order.

        Where there are none, all methods of the table.
        """
        ranking = self.summary.rankings.get(self.lead)
        methods = self.table.methods if ranking is None else [self.table.methods[number] for number in ranking.order]
        return [method for method in methods if method.is_ranked] or list(self.table.methods)

    @cached_property
    def verdict(self) -> Verdict:
        """Return what may be said in words."""
        epoch = self.explained_epoch
        logits = [self.logits[pair] for pair in self.table.pairs if pair in self.logits]
        network = NetworkFacts(
            map_macro=None if epoch is None else epoch.get("val_map_macro"),
            predicted_share=sum(logit > 0 for logit in logits) / len(logits) if logits else None,
            runs=1 + len(self.also),
        )
        verdict = decide(self.summary, network)
        return replace(verdict, caveats=(*truth_words(self.truth), *verdict.caveats))

    @cached_property
    def strata(self) -> list[list[tuple[Stratum, dict[tuple[str, str], StratumScore]]]]:
        """Return each dimension's strata with their scores by method and metric, on the metrics that count."""
        metrics = list(dict.fromkeys([self.lead, *core_metrics(self.table)]))
        return [
            [(stratum, stratum_scores(stratum, self.table, metrics, seed=self.summary.seed)) for stratum in dimension]
            for dimension in strata(self.facts)
        ]


def gather(
    run: Run,
    *,
    checkpoint: str | None = None,
    seed: int = 0,
    also: Sequence[Path] = (),
    strict: bool = False,
    gold: Path = SHIPPED,
) -> ReportData:
    """Return what the scores of a run come to; the arguments are those of `evaluation.report.page.write_report`.

    Raises:
        BrickbenchError: a run has no scores, or the further ones have other pictures.
        SettingsError: no such checkpoint, or one run is named twice.
    """
    scored = read_scored_run(run)
    table = scored.table(scored.choose(checkpoint), strict=strict)
    logits = read_logits(run, table.checkpoint)
    others = (scored.table(name, strict=strict) for name in scored.checkpoints if name != table.checkpoint)
    tables = _alike(table, others)
    growth = grow(tables, seed=seed) if len(tables) > 1 else []
    further = _open_further(run, also)
    names: tuple[str, ...] = tuple(one.checkpoint for one in tables) if growth else ()
    if further:
        names = (run.info.run_id, *(other.info.run_id for other in further))
        tables = [table, *(load_scores(other, strict=strict) for other in further)]
        for other, beside in zip(further, tables[1:], strict=True):
            require_same_pictures((run, other), table, beside)
    return ReportData(
        run=run,
        table=table,
        summary=Summary(table, seed=seed),
        facts=read_pair_facts(run.dataset, table.pairs, logits),
        logits=logits,
        epochs=read_epochs(run.folder),
        growth=growth,
        variation=vary(tables, names) if names else [],
        varied=names,
        also=tuple(other.info for other in further),
        splits=[score for score in load_split_scores(run.folder) if score.checkpoint == table.checkpoint],
        focus=load_focus(run.folder, table.checkpoint, seed=seed),
        truth=truth_lines(run, table.methods, read_known(gold)),
    )


def _alike(chosen: ScoreTable, tables: Iterable[ScoreTable]) -> list[ScoreTable]:
    """Return those of `tables` that have pairs, explanations and metrics in common with `chosen` and one another."""
    kept = [chosen]
    for table in tables:
        if all(set.intersection(*sets) for sets in zip(*map(_contents, [*kept, table]), strict=True)):
            kept.append(table)
    return sorted(kept, key=lambda table: table.checkpoint)


def _contents(table: ScoreTable) -> tuple[set[Any], ...]:
    return set(table.pairs), {method.key.method for method in table.methods if method.is_ranked}, set(table.metrics)


def _open_further(run: Run, also: Sequence[Path]) -> list[Run]:
    folders = [folder.resolve() for folder in (run.folder, *also)]
    twice = next((folder for folder in folders if folders.count(folder) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice} is named twice: give each run once.")
    # Maps of another dataset's pictures: those of the further runs are of the same one.
    is_elsewhere = also and dataset_of(run.folder).resolve() != run.dataset.root.resolve()
    return [Run.open(folder, run.dataset.root if is_elsewhere else None) for folder in also]
