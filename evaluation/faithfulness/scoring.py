"""Faithfulness of all maps of a run, written into the run; what is scored already is not scored again.

Scores are made in this process, or in the workers of an engine; this process alone writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.cli import count_of
from core.engine import LOCAL, Engine
from core.errors import BrickbenchError, PartialFailureError
from core.files import require_writable
from core.locks import sole_writer
from core.progress import Progress
from core.settings import Settings
from core.work import WorkResult, work_through
from dataset.dataset_folder import DatasetFolder
from dataset.index import merge_run
from evaluation.faithfulness.imputation import departures, gather_effects
from evaluation.faithfulness.plan import find_jobs, work_items
from evaluation.faithfulness.registry import QUICK, TWINS, find_faithfulness
from evaluation.faithfulness.score_writer import ScoreWriter
from evaluation.faithfulness.scorer import ScoringContext, score_item
from evaluation.faithfulness.twin_metrics import EffectSettings
from evaluation.faithfulness.twins import Regions, load_regions, require_twins
from evaluation.score_store import SCORES
from explain.store import Attribution
from training.run.run import Run


@dataclass
class FaithfulnessResult(WorkResult):
    """What was done, in scores, and what the tables are made from."""

    rows: list[Attribution] = field(default_factory=list)
    """The maps that were asked for."""
    classes: tuple[str, ...] = ()
    """Of the network that was explained."""
    regions: dict[str, Regions] = field(default_factory=dict)


def default_metrics(dataset: DatasetFolder) -> tuple[str, ...]:
    """Return the measures that change pixels, and those that need twins if the dataset has some."""
    has_twins = dataset.query("SELECT 1 FROM twins WHERE twin_mode = 'removed' LIMIT 1")
    return QUICK + TWINS if has_twins else QUICK


def score_faithfulness(
    run: Run,
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
        run: with maps made by `explain`, of pictures of its dataset.
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
        PartialFailureError: everything else was done and merged, but some scores failed; its result is what this
            returns.
    """
    context = ScoringContext(run, metrics, checkpoint, device, pictures_at_once)
    trained = context.trained
    require_writable(run.folder / SCORES)
    with sole_writer(run.folder / SCORES), context.ready(0):
        jobs = find_jobs(run.folder, trained.name, methods, limit, metrics, force=force)
        rows = [row for job in jobs for row in job.rows]
        image_ids = sorted({row.image_id for row in rows})
        _require_pictures(context, image_ids)
        result = FaithfulnessResult(rows=rows, classes=trained.classes)
        if any(find_faithfulness(name).kind == "twins" for name in metrics):
            result.regions = load_regions(trained, context.network, run.dataset.root, image_ids, seed)
            require_twins(run.dataset.root, result.regions)
            result.add_notes([_told_of_effects(result, metrics)])
        writer = ScoreWriter(jobs, metrics)
        items = work_items(jobs, metrics, writer.levels, result.regions)
        for name in {item.metric: None for item in items.values()}:
            if (prepare := find_faithfulness(name).prepare) is not None:
                prepare(context.unlearned, metrics[name])
        total = len(rows) * len(metrics)
        result.found = total - writer.lacking
        done = work_through(
            score_item, items, result, setup=context.ready, engine=engine, workers=workers, alone=workers is None
        )
        with Progress("Faithfulness", total, "scores", done=result.found) as progress, writer:
            for item, answer in done:
                made = writer.made
                writer.take(item, answer.scores)
                progress.advance(writer.made - made, note=item.name)
                result.add_notes([answer.note])
        result.made = writer.made
    merge_run(run.dataset.root, run.folder)
    result.add_notes([context.network.note])
    if result.failures:
        summary = f"{writer.lacking} scores could not be made, {result.made + result.found} are there"
        raise PartialFailureError(summary, result.failures, result)
    return result


def _told_of_effects(result: FaithfulnessResult, metrics: Mapping[str, Settings]) -> str | None:
    """Return for how many pairs of a picture with twins and a class no part matters; None where there is none."""
    settings = next(value for value in metrics.values() if isinstance(value, EffectSettings))
    pairs = {(row.image_id, row.part_id) for row in result.rows if row.image_id in result.regions}
    falls = [result.regions[name].effects[:, result.classes.index(part)] for name, part in pairs]
    without = sum(len(fall) > 0 and max(fall) < settings.least_effect for fall in falls)
    if not without:
        return None
    return (
        f"In {without} of {count_of(len(falls), 'pair')} of picture and part, no part's removal lowers the logit by "
        f"{settings.least_effect:g} (no_effect): the network does not use the parts there, so twins judge no map."
    )


def removal_rows(run: Run, result: FaithfulnessResult, *, seed: int = 0) -> list[dict[str, object]]:
    """Return how far removals depart from the truth, as rows for a table; none without twins."""
    if not result.regions:
        return []
    pictures = run.dataset.pictures(None)
    pile_of = dict(zip(pictures.image_ids, pictures.groups.tolist(), strict=True))
    effects = gather_effects(result.regions, pile_of, result.classes)
    return [departure.as_row() for departure in departures(effects, seed=seed)]


def _require_pictures(context: ScoringContext, image_ids: Sequence[str]) -> None:
    lacking = next((image_id for image_id in image_ids if image_id not in context.index_of), None)
    if lacking is not None:
        raise BrickbenchError(
            f"Picture {lacking!r} of {context.run.folder} is not in the dataset {context.pictures.root}: "
            "say with -d which dataset was explained."
        )
