"""Faithfulness of all maps of a run, written into the run; what is scored already is not scored again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor

from core.errors import BrickbenchError, SettingsError
from core.files import require_writable, sole_writer
from core.progress import Progress
from core.settings import Settings, near_matches
from dataset.index import merge_run
from dataset.loader import PileDataset
from evaluation.faithfulness.explainer import Explainer
from evaluation.faithfulness.files import Score, ScoreKey, read_scores, scores_file, write_scores
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.order import noise_maps
from evaluation.faithfulness.protocol import FaithfulnessMetric, FloatArray, Maps, SeededSettings
from evaluation.faithfulness.registry import find_faithfulness
from evaluation.faithfulness.twins import Regions, load_regions, require_twins
from evaluation.faithfulness.unlearned import Unlearned
from evaluation.resize import resize_maps
from evaluation.score_run import SCORES
from explain.methods import find_method
from explain.store import SETTINGS_FILE, Attribution, load_maps, read_shard, shard_files
from training.checkpoint import Checkpoint, load_checkpoint
from training.devices import choose_device

MAPS_AT_ONCE = 8
"""Maps that one call of a measure gets; its forward passes take as many of their changed pictures as fit."""


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


@dataclass(frozen=True)
class _Job:
    """One file of maps, and what it lacks."""

    shard: Path
    out: Path
    rows: list[Attribution]
    scores: dict[ScoreKey, tuple[Score, str]]
    lacking: dict[str, list[Attribution]]


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

    Raises:
        SettingsError: no such method among the maps, or other settings than those of the scores that are there.
        BrickbenchError: the run has no such maps, a picture is unknown to the dataset or has no twin, a file is
            damaged, or another process scores the run.
    """
    loaded = load_checkpoint(run_folder, checkpoint, choose_device(device))
    network = Network(loaded.model, loaded.mean, loaded.std, pictures_at_once)
    require_writable(run_folder / SCORES)
    with sole_writer(run_folder / SCORES):
        jobs = _jobs(run_folder, loaded.name, methods, limit, metrics, force=force)
        rows = [row for job in jobs for row in job.rows]
        pictures = PileDataset(dataset_root, None, classes=loaded.classes)
        image_ids = sorted({row.image_id for row in rows})
        _require_pictures(pictures, image_ids, run_folder)
        result = FaithfulnessResult(0, 0, rows, loaded)
        if any(find_faithfulness(name).kind == "twins" for name in metrics):
            result.regions = load_regions(loaded, network, dataset_root, image_ids, seed)
            require_twins(dataset_root, result.regions)
        scorer = _Scorer(run_folder, pictures, loaded, network, result.regions)
        result.made = sum(len(todo) for job in jobs for todo in job.lacking.values())
        result.found = len(rows) * len(metrics) - result.made
        with Progress("Faithfulness", result.made + result.found, "scores", done=result.found) as progress:
            for job in jobs:
                if any(job.lacking.values()):
                    found = dict(job.scores)
                    for name, todo in job.lacking.items():
                        for key, score in scorer.score(job, name, metrics[name], todo, progress):
                            found[key] = score, metrics[name].model_dump_json()
                    write_scores(job.out, found, find_method(job.rows[0].method).resize)
    merge_run(dataset_root, run_folder)
    result.notes = [network.note] if network.note else []
    return result


def _jobs(
    run_folder: Path,
    checkpoint: str,
    methods: Sequence[str] | None,
    limit: int | None,
    metrics: Mapping[str, Settings],
    *,
    force: bool,
) -> list[_Job]:
    shards = {shard: read_shard(shard) for shard in shard_files(run_folder)}
    everything = [row for rows in shards.values() for row in rows if row.checkpoint == checkpoint]
    if not everything:
        raise BrickbenchError(
            f"{run_folder} has no maps of {checkpoint}: make them with `brickbench explain run {run_folder}`."
        )
    there = sorted({row.method for row in everything})
    for name in methods or ():
        if name not in there:
            raise SettingsError(
                f"{run_folder} has no maps of method {name!r}{near_matches(name, there)}; it has {', '.join(there)}."
            )
    wanted = set(sorted({row.image_id for row in everything})[:limit])
    jobs = []
    for shard, rows in shards.items():
        rows = [
            row
            for row in rows
            if row.checkpoint == checkpoint and row.image_id in wanted and (methods is None or row.method in methods)
        ]
        if rows:
            out = scores_file(run_folder / SCORES, shard)
            scores = read_scores(out, metrics, force=force)
            lacking = {
                name: [row for row in rows if ScoreKey(row.attribution_id, name) not in scores] for name in metrics
            }
            jobs.append(_Job(shard, out, rows, scores, lacking))
    return jobs


class _Scorer:
    """Loads what a measure is asked about, and remembers the chance levels that have to be measured."""

    def __init__(
        self,
        run_folder: Path,
        pictures: PileDataset,
        checkpoint: Checkpoint,
        network: Network,
        regions: Mapping[str, Regions],
    ) -> None:
        self._run_folder, self._pictures, self._checkpoint = run_folder, pictures, checkpoint
        self._network, self._regions = network, regions
        self._unlearned = Unlearned(checkpoint, run_folder)
        self._place_of = {image_id: place for place, image_id in enumerate(pictures.image_ids)}
        self._class_of = {part_id: index for index, part_id in enumerate(checkpoint.classes)}
        self._chance: dict[tuple[str, str, str], float] = {}

    def score(
        self, job: _Job, name: str, settings: Settings, rows: Sequence[Attribution], progress: Progress
    ) -> Iterator[tuple[ScoreKey, Score]]:
        """Yield the scores of `rows` by one measure."""
        metric, explainer = find_faithfulness(name), self._explainer(job)
        raw = {row.attribution_id: one for row, one in zip(rows, load_maps(self._run_folder, rows), strict=True)}
        for start in range(0, len(rows), MAPS_AT_ONCE):
            group = rows[start : start + MAPS_AT_ONCE]
            maps, finite = self._maps(group, [raw[row.attribution_id] for row in group], explainer)
            values, chance = metric.compute(maps, settings)
            if metric.chance_of_noise:
                chance = self._chance_of_noise(metric, settings, group, maps)
            for row, value, level, is_finite, regions in zip(group, values, chance, finite, maps.regions, strict=True):
                status = _status(metric, value, regions, is_finite=is_finite)
                known = float(value) if status == "ok" else np.nan
                yield ScoreKey(row.attribution_id, name), Score(known, status, float(level))
            progress.advance(len(group), note=f"{rows[0].method} {name}")

    def _maps(
        self, rows: Sequence[Attribution], raw: Sequence[NDArray[np.float32]], explainer: Explainer | None
    ) -> tuple[Maps, list[bool]]:
        """Return maps at the size of the network's input, and which of them are finite; the others become 0."""
        size, resize = self._checkpoint.input_size_px, find_method(rows[0].method).resize
        resized = [resize_maps(one[None], size, size, resize)[0] for one in raw]
        finite = [bool(np.isfinite(one).all()) for one in resized]
        images = {row.image_id: self._image(row.image_id) for row in rows}
        maps = Maps(
            network=self._network,
            images=torch.stack([images[row.image_id] for row in rows]),
            classes=np.array([self._class_of[row.part_id] for row in rows], dtype=np.int64),
            maps=np.stack([one if known else np.zeros_like(one) for one, known in zip(resized, finite, strict=True)]),
            explainer=explainer,
            regions=tuple(self._regions.get(row.image_id) for row in rows),
            unlearned=self._unlearned,
        )
        return maps, finite

    def _image(self, image_id: str) -> Tensor:
        return self._checkpoint.network_input(self._pictures.image(self._place_of[image_id]))

    def _explainer(self, job: _Job) -> Explainer | None:
        name = job.rows[0].method
        if find_method(name).kind == "oracle":
            return None
        settings = yaml.safe_load((job.shard.parent / SETTINGS_FILE).read_text(encoding="utf-8"))
        return Explainer(name, settings or {}, self._checkpoint.model)

    def _chance_of_noise(
        self, metric: FaithfulnessMetric, settings: Settings, rows: Sequence[Attribution], maps: Maps
    ) -> FloatArray:
        """Return what maps of noise score on the same pictures and classes."""
        keys = [(metric.name, row.image_id, row.part_id) for row in rows]
        new = [place for place, key in enumerate(keys) if key not in self._chance]
        if new:
            images, classes = maps.images[new], maps.classes[new]
            seed = settings.seed if isinstance(settings, SeededSettings) else 0
            noise = Maps(maps.network, images, classes, noise_maps(images, classes, seed))
            self._chance |= zip(
                (keys[place] for place in new), metric.compute(noise, settings)[0].tolist(), strict=True
            )
        return np.array([self._chance[key] for key in keys])


def _status(metric: FaithfulnessMetric, value: float, regions: Regions | None, *, is_finite: bool) -> str:
    if not is_finite:
        return "nonfinite"
    if not np.isnan(value):
        return "ok"
    return "no_twin" if metric.kind == "twins" and regions is None else metric.undefined


def _require_pictures(pictures: PileDataset, image_ids: Sequence[str], run_folder: Path) -> None:
    known = set(pictures.image_ids)
    lacking = next((image_id for image_id in image_ids if image_id not in known), None)
    if lacking is not None:
        raise BrickbenchError(
            f"Picture {lacking!r} of {run_folder} is not in the dataset {pictures.root}: "
            "say with -d which dataset was explained."
        )
