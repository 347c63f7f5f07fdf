"""All of it for one run: scores, what removals claim against the truth, and which measure foretells the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.engine import LOCAL, Engine
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from evaluation.faithfulness.imputation import departure_rows, departures, gather_effects
from evaluation.faithfulness.prediction import prediction_rows
from evaluation.faithfulness.registry import QUICK, TWINS, faithfulness_settings
from evaluation.faithfulness.scoring import ScoresFailedError, score_faithfulness
from evaluation.faithfulness.tables import load_scored, predictions, score_rows

Rows = list[dict[str, object]]


@dataclass(frozen=True)
class Faithfulness:
    """The tables of a run, as rows."""

    scores: Rows
    removals: Rows
    """Empty without twins."""
    predictions: Rows
    """Empty without twins."""
    notes: tuple[str, ...]
    failed: ScoresFailedError | None = None
    """Says what the tables lack, if anything."""


def default_metrics(dataset_root: Path) -> tuple[str, ...]:
    """Return the measures that change pixels, and those that need twins if the dataset has some."""
    with open_index(dataset_root) as index:
        found = index.execute("SELECT 1 FROM twins WHERE twin_mode = 'removed' LIMIT 1").fetchone()
    return QUICK if found is None else QUICK + TWINS


def measure_faithfulness(
    run_folder: Path,
    dataset_root: Path,
    metrics: Mapping[str, Mapping[str, object]] | None = None,
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
) -> Faithfulness:
    """Score what lacks scores, and return the tables of all maps that were asked for.

    Where some scores failed, the tables are of the others.

    Args:
        run_folder: with maps made by `explain`.
        dataset_root: the pictures.
        metrics: name to settings; None takes `default_metrics`.
        methods: only maps of these; None takes all.
        checkpoint: ``best``, ``last`` or a name such as ``epoch_0007``.
        limit: only the maps of so many pictures, the first in the order of image_id.
        device: where the network runs.
        pictures_at_once: changed pictures in one forward pass; None leaves it to the device.
        seed: of ties, of noise and of the bootstrap.
        force: score again, also where the settings of a measure differ from those in the files.
        workers: processes that each hold the network; None takes this process alone, or as many as a cluster has
            room for.
        engine: where they run.

    Raises:
        SettingsError: an unknown measure, setting or method, or other settings than those of the scores there.
        BrickbenchError: what `score_faithfulness` raises, but for scores that failed.
    """
    given = {name: {} for name in default_metrics(dataset_root)} if metrics is None else metrics
    chosen = {name: faithfulness_settings(name, values, seed) for name, values in given.items()}
    failed = None
    try:
        result = score_faithfulness(
            run_folder,
            dataset_root,
            chosen,
            methods=methods,
            checkpoint=checkpoint,
            limit=limit,
            device=device,
            pictures_at_once=pictures_at_once,
            seed=seed,
            force=force,
            workers=workers,
            engine=engine,
        )
    except ScoresFailedError as error:
        failed, result = error, error.result
    scored = load_scored(run_folder, dataset_root, result.rows)
    removals: Rows = []
    if result.regions:
        pictures = PileDataset(dataset_root, None)
        pile_of = dict(zip(pictures.image_ids, pictures.groups.tolist(), strict=True))
        removals = departure_rows(
            departures(gather_effects(result.regions, pile_of, result.checkpoint.classes), seed=seed)
        )
    return Faithfulness(
        scores=score_rows(scored, list(chosen), seed=seed),
        removals=removals,
        predictions=prediction_rows(predictions(scored, seed=seed)) if result.regions else [],
        notes=tuple(result.notes),
        failed=failed,
    )
