"""All that a report says, as plain data: it is drawn as HTML, and written as JSON and tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import BrickbenchError, SettingsError
from dataset.index import open_index
from evaluation.localization.focus_run import FocusRow, load_focus
from evaluation.localization.split_scores import SplitScore, load_split_scores
from evaluation.measures import MEASURES
from evaluation.report.caveats import NetworkFacts
from evaluation.report.gallery import LEAD_METRICS
from evaluation.report.verdict import Verdict, core_metrics, decide
from evaluation.statistics.contrast import require_same_pictures
from evaluation.statistics.facts import PairFacts, read_pair_facts
from evaluation.statistics.strata import Stratum, StratumScore, strata, stratum_scores
from evaluation.statistics.summary import Summary, summarize
from evaluation.statistics.table import MethodLabel, ScoreTable, load_scores, read_scored_run
from evaluation.statistics.training import Growth, Variation, grow, vary
from training.run.history import read_epochs
from training.run.run import RunInfo, dataset_of


@dataclass(frozen=True)
class ReportData:
    """What the scores of a run come to, with all that they are broken down by."""

    run_folder: Path
    root: Path
    info: RunInfo
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

    @property
    def lead(self) -> str:
        """Return the metric that breakdowns and pictures are shown by."""
        return next((name for name in LEAD_METRICS if name in self.table.metrics), self.table.metrics[0])

    @property
    def explained_epoch(self) -> dict[str, Any] | None:
        """Return the line of ``epochs.jsonl`` of the checkpoint that was explained, if there is one."""
        return next((row for row in self.epochs if f"epoch_{row['epoch']:04d}" == self.table.checkpoint), None)

    @property
    def leaders(self) -> list[MethodLabel]:
        """Return the explanations in the order of their mean rank on `lead`; without a ranking in table order."""
        ranking = self.summary.rankings.get(self.lead)
        order = range(len(self.table.methods)) if ranking is None else ranking.order
        return [self.table.methods[place] for place in order if self.table.methods[place].is_ranked]

    @cached_property
    def verdict(self) -> Verdict:
        """Return what may be said in words."""
        row = self.explained_epoch
        known = [self.logits[pair] for pair in self.table.pairs if pair in self.logits]
        network = NetworkFacts(
            map_macro=None if row is None else row.get("val_map_macro"),
            predicted_share=sum(logit > 0 for logit in known) / len(known) if known else None,
            runs=1 + len(self.also),
        )
        return decide(self.table, self.summary, network)

    @cached_property
    def strata(self) -> list[list[tuple[Stratum, dict[tuple[str, str], StratumScore]]]]:
        """Return each dimension's strata with their scores by method and metric, on the metrics that count."""
        metrics = list(dict.fromkeys([self.lead, *core_metrics(self.table)]))
        return [
            [(each, stratum_scores(each, self.table, metrics, seed=self.summary.seed)) for each in dimension]
            for dimension in strata(self.facts)
        ]


def gather(
    run_folder: Path,
    root: Path,
    *,
    checkpoint: str | None = None,
    seed: int = 0,
    also: Sequence[Path] = (),
    strict: bool = False,
) -> ReportData:
    """Return what the scores of a run come to.

    Args:
        run_folder: with scores.
        root: the dataset that was explained.
        checkpoint: whose maps; None takes the best one that has scores.
        seed: of the resampling.
        also: further runs on the same pictures, such as other seeds: they tell training from pictures.
        strict: undefined scores count as the worst value.

    Raises:
        BrickbenchError: a run has no scores, or the further ones have other pictures.
        SettingsError: no such checkpoint, or one run is named twice.
    """
    run = read_scored_run(run_folder, root)
    table = run.table(run.choose(checkpoint), MEASURES, strict=strict)
    info, logits = RunInfo.load_run(run_folder), read_logits(run_folder, table.checkpoint, root)
    others = (run.table(name, MEASURES, strict=strict) for name in run.checkpoints if name != table.checkpoint)
    tables = _alike(table, others)
    growth = grow(tables, seed=seed) if len(tables) > 1 else []
    further = _other_tables(run_folder, root, table, also)
    beside = tuple(RunInfo.load_run(folder) for folder in also)
    names = (info.run_id, *(other.run_id for other in beside))
    if further:
        variation = vary([table, *further], names)
    else:
        names = tuple(each.checkpoint for each in tables) if growth else ()
        variation = vary(tables, names) if growth else []
    return ReportData(
        run_folder=run_folder,
        root=root,
        info=info,
        table=table,
        summary=summarize(table, seed=seed),
        facts=read_pair_facts(root, table.pairs, logits),
        logits=logits,
        epochs=read_epochs(run_folder),
        growth=growth,
        variation=variation,
        varied=names,
        also=beside,
        splits=[each for each in load_split_scores(run_folder) if each.checkpoint == table.checkpoint],
        focus=load_focus(run_folder, table.checkpoint, seed=seed),
    )


def _alike(chosen: ScoreTable, tables: Iterable[ScoreTable]) -> list[ScoreTable]:
    """Return those of `tables` that have pairs, explanations and metrics in common with `chosen` and one another."""
    kept = [chosen]
    for table in tables:
        if all(_shared(one) for one in zip(*map(_contents, [*kept, table]), strict=True)):
            kept.append(table)
    return sorted(kept, key=lambda table: table.checkpoint)


def _contents(table: ScoreTable) -> tuple[set[tuple[str, str]], set[str], set[str]]:
    return set(table.pairs), {each.method for each in table.methods if each.is_ranked}, set(table.metrics)


def _shared(sets: Sequence[set[Any]]) -> bool:
    return bool(set.intersection(*sets))


def _other_tables(run_folder: Path, root: Path, table: ScoreTable, also: Sequence[Path]) -> list[ScoreTable]:
    places = [folder.resolve() for folder in (run_folder, *also)]
    twice = next((place for place in places if places.count(place) > 1), None)
    if twice is not None:
        raise SettingsError(f"{twice} is named twice: give each run once.")
    # Maps of another dataset's pictures: those of the further runs are of the same one.
    is_elsewhere = also and dataset_of(run_folder).resolve() != root.resolve()
    others = []
    for folder in also:
        own = root if is_elsewhere else dataset_of(folder)
        other = load_scores(folder, own, measures=MEASURES, strict=table.strict)
        require_same_pictures((root, own), table, other)
        others.append(other)
    return others


def read_logits(run_folder: Path, checkpoint: str, root: Path) -> dict[tuple[str, str], float]:
    """Return the logits of (image_id, part_id) that the run holds for one checkpoint; empty if it was not applied.

    Logits of pictures that are not those of dataset `root`, such as others of the same names, are passed over.
    """
    logits: dict[tuple[str, str], float] = {}
    with open_index(root) as index:
        hashes = dict(index.execute("SELECT image_id, content_hash FROM images").fetchall())
    for path in sorted((run_folder / "predictions").glob("*.parquet")):
        if path.name.startswith("."):
            continue
        try:
            columns = pq.read_table(path, partitioning=None).to_pydict()
        except (OSError, pa.ArrowException) as error:
            raise BrickbenchError(f"{path} is damaged: delete it and run `train predict` again.") from error
        contents = columns.get("content_hash") or [None] * len(columns["logit"])  # older files have none
        keys = zip(columns["image_id"], columns["part_id"], strict=True)
        rows = zip(columns["checkpoint"], keys, columns["logit"], contents, strict=True)
        logits |= {
            key: logit
            for name, key, logit, content in rows
            if name == checkpoint and content in (None, hashes.get(key[0]))
        }
    return logits
