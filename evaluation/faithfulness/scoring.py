"""Faithfulness of all maps of a run, written into the run; what is scored already is not scored again.

Scores are made in this process, or in the workers of an engine; this process alone writes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from core.engine import LOCAL, Engine, Outcome, run_items
from core.errors import BrickbenchError
from core.files import require_writable
from core.locks import sole_writer
from core.progress import Progress
from core.settings import Settings
from dataset.index import merge_run
from evaluation.faithfulness.ledger import Ledger
from evaluation.faithfulness.plan import find_jobs, work_items
from evaluation.faithfulness.registry import find_faithfulness
from evaluation.faithfulness.scorer import Answer, Scorer, Source, WorkItem, hold, one_thread_of_blas, score_item
from evaluation.faithfulness.twins import Regions, load_regions, require_twins
from evaluation.localization.run import SCORES
from explain.store import Attribution
from training.run.checkpoint import Checkpoint


@dataclass
class FaithfulnessResult:
    """What was done, and what the tables are made from."""

    made: int
    """Scores made now."""
    found: int
    """Scores that were there."""
    rows: list[Attribution]
    """The maps that were asked for."""
    checkpoint: Checkpoint
    regions: dict[str, Regions] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


class ScoresFailedError(BrickbenchError):
    """Some scores could not be made; all others are there and merged."""

    def __init__(self, result: FaithfulnessResult, lacking: int, failures: Counter[str]) -> None:
        """Take what was done, how many scores are lacking, and failed work items by reason."""
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in failures.most_common())
        super().__init__(
            f"{lacking} scores could not be made, {result.made + result.found} are there. {reasons.rstrip('.')}. Run "
            "the command again to try those once more."
        )
        self.result = result


def score_faithfulness(
    run_folder: Path,
    dataset_root: Path,
    metrics: Mapping[str, Settings],
    *,
    methods: Sequence[str] | None = None,
    checkpoint: str = "best",
    limit: int | None = None,
    device: str = "auto",
    pictures_at_once: int | None = None,
    seed: int = 0,
    force: bool = False,
    workers: int | None = None,
    engine: Engine = LOCAL,
) -> FaithfulnessResult:
    """Score the maps of one checkpoint that lack scores, merge the run's rows into the index, return what was done.

    Args:
        run_folder: with maps made by `explain`.
        dataset_root: the pictures.
        metrics: name to checked settings, from `registry.faithfulness_settings`.
        methods: only maps of these; None takes all.
        checkpoint: ``best``, ``last`` or a name such as ``epoch_0007``.
        limit: only the maps of so many pictures, the first in the order of image_id.
        device: where the network runs.
        pictures_at_once: changed pictures in one forward pass; None leaves it to the device.
        seed: of what is drawn to paint parts over.
        force: score again, also where the settings of a measure differ from those in the files.
        workers: processes that each hold the network; None takes this process alone, or as many as a cluster has
            room for.
        engine: where they run.

    Raises:
        SettingsError: no such method among the maps, or other settings than those of the scores that are there.
        BrickbenchError: the run has no such maps, a picture is unknown to the dataset or has no twin, a file is
            damaged, or another process scores the run.
        ScoresFailedError: everything else was done and merged, but some scores failed; it counts them by reason.
    """
    source = Source(run_folder, dataset_root, metrics, checkpoint, device, pictures_at_once)
    here = source.load()
    source = replace(source, checkpoint=here.checkpoint.name)  # "best" may be another one by the time a worker asks
    require_writable(run_folder / SCORES)
    with sole_writer(run_folder / SCORES), one_thread_of_blas():
        jobs = find_jobs(run_folder, here.checkpoint.name, methods, limit, metrics, force=force)
        result = FaithfulnessResult(0, 0, [row for job in jobs for row in job.rows], here.checkpoint)
        image_ids = sorted({row.image_id for row in result.rows})
        _require_pictures(here, image_ids)
        if any(find_faithfulness(name).kind == "twins" for name in metrics):
            result.regions = load_regions(here.checkpoint, here.network, dataset_root, image_ids, seed)
            require_twins(dataset_root, result.regions)
        ledger = Ledger(jobs, metrics)
        items = work_items(jobs, metrics, ledger.levels, result.regions)
        for name in {item.metric: None for item in items.values()}:
            if (prepare := find_faithfulness(name).prepare) is not None:
                prepare(here.unlearned, metrics[name])
        total = len(result.rows) * len(metrics)
        result.found = total - ledger.lacking
        with Progress("Faithfulness", total, "scores", done=result.found) as progress, ledger:
            for outcome in _outcomes(items, here, source, workers, engine):
                item, made = items[outcome.key], ledger.made
                if outcome.value is None:
                    ledger.fail(item, str(outcome.error))
                    continue
                ledger.take(item, outcome.value.scores)
                progress.advance(ledger.made - made, note=item.name)
                _add_note(result, outcome.value.note)
        result.made = ledger.made
    merge_run(dataset_root, run_folder)
    _add_note(result, here.network.note)
    if ledger.failures:
        raise ScoresFailedError(result, ledger.lacking, ledger.failures)
    return result


def _outcomes(
    items: Mapping[str, WorkItem], here: Scorer, source: Source, workers: int | None, engine: Engine
) -> Iterator[Outcome[Answer]]:
    """Yield what became of each item, done by `here` where one process is enough."""
    if not items:
        return
    if engine.is_here and (workers or 1) == 1:
        yield from (_attempt(here, key, item) for key, item in items.items())
        return
    crew = engine.crew(workers, len(items))
    setup = partial(hold, source, crew.threads)
    yield from run_items(score_item, items, workers=crew.workers, setup=setup, engine=engine)


def _attempt(here: Scorer, key: str, item: WorkItem) -> Outcome[Answer]:
    try:
        return Outcome(key, here.answer(item), None, 1)
    except BrickbenchError:
        raise
    except Exception as error:  # noqa: BLE001  counted, and told at the end, as by an engine
        return Outcome(key, None, f"{type(error).__name__}: {error}", 1)


def _add_note(result: FaithfulnessResult, note: str | None) -> None:
    if note is not None and note not in result.notes:
        result.notes.append(note)


def _require_pictures(here: Scorer, image_ids: Sequence[str]) -> None:
    known = set(here.pictures.image_ids)
    lacking = next((image_id for image_id in image_ids if image_id not in known), None)
    if lacking is not None:
        raise BrickbenchError(
            f"Picture {lacking!r} of {here.source.run_folder} is not in the dataset {here.pictures.root}: "
            "say with -d which dataset was explained."
        )
