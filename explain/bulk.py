"""Maps of many pictures by several methods, written into a run; what is there already is not made again.

The network explains in this process, or in the workers of an engine; this process alone writes.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from threadpoolctl import threadpool_limits

from core.cli import count_of
from core.engine import LOCAL, Engine, run_items
from core.errors import BrickbenchError, SettingsError
from core.files import require_writable
from core.progress import Progress
from dataset.index import merge_run
from explain.explainer import Explained, Explainer, Group, Source, explain_group, hold
from explain.free_memory import within_free_memory
from explain.methods import find_method
from explain.shard_writer import Dtype, ShardWriter
from explain.store import Attribution, method_folder
from explain.wanted import Chosen, Pictures, Which, wanted_classes
from training.network.devices import choose_device


@dataclass
class BulkResult:
    """What was done: maps made now, maps that were there, failures by reason, what else a user should know."""

    made: int = 0
    found: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    """Batches that had to shrink, and maps that did not survive float16."""


class MapsFailedError(BrickbenchError):
    """Some maps could not be made; all others are there and merged."""

    def __init__(self, result: BulkResult) -> None:
        """Take what was done; the message counts failures by reason."""
        reasons = "; ".join(f"{count} times: {reason}" for reason, count in result.failures.most_common())
        super().__init__(
            f"{sum(result.failures.values())} pictures could not be explained, {result.made + result.found} maps are "
            f"there. {reasons.rstrip('.')}. Run the command again to try those once more."
        )
        self.result = result


def explain_run(
    run_folder: Path,
    dataset_root: Path,
    methods: Mapping[str, Mapping[str, object]],
    *,
    split: str = "test",
    which: Which = "true",
    above: float = 0.0,
    limit: int | None = None,
    share: tuple[int, int] = (1, 1),
    dtype: Dtype = "float32",
    checkpoint: str = "best",
    device: str = "auto",
    workers: int | None = None,
    engine: Engine = LOCAL,
) -> BulkResult:
    """Make the maps that the run lacks, merge its rows into the index, and return what was done.

    Args:
        run_folder: a run that `training` made.
        dataset_root: the pictures; usually those that the run trained on.
        methods: name to settings that differ from the method's defaults.
        split: ``train``, ``val`` or ``test``.
        which: explain the classes that are in the picture (``true``), all with a logit above `above`
            (``predicted``), the one with the highest logit (``top``), or those that are in the picture with a logit
            not above `above` (``missed``).
        above: the logit that parts predicted from not predicted.
        limit: only so many pictures, the first in the order of image_id; a larger limit later adds to them.
        share: (K, N) takes every N-th of them from the K-th on, so that N processes divide the work among them.
        dtype: how new maps are stored; a map that would not survive ``float16`` stays ``float32``.
        checkpoint: ``best`` or a name such as ``epoch_0007``.
        device: where the network runs.
        workers: processes that each hold the network; None takes this process alone, or as many as a cluster has
            room for.
        engine: where they run.

    Raises:
        SettingsError: an unknown method or setting, or none at all.
        BrickbenchError: no such run or pictures, or the disk is full.
        MapsFailedError: everything else was done and merged, but some maps failed; it counts them by reason.
    """
    if not methods:
        raise SettingsError("No method was named: give --methods, such as gradcam,lime,random.")
    if not 1 <= share[0] <= share[1]:
        raise SettingsError(f"The share should be K of N with K from 1 to N, such as 1/4; it is {share[0]}/{share[1]}.")
    require_writable(run_folder)
    source = Source(run_folder, dataset_root, methods, split, checkpoint, device)
    result = BulkResult()
    here = source.load(result.failures)
    source = replace(source, checkpoint=here.pictures.network.name)  # "best" may be another one when a worker asks
    chosen = range(len(here.pictures.dataset.image_ids))[:limit][share[0] - 1 :: share[1]]
    # A second thread of BLAS spins between the small products of linear models: KernelSHAP took 68 ms with, 18 without.
    with within_free_memory(choose_device(device)), threadpool_limits(1, user_api="blas"):
        wanted = wanted_classes(here.pictures, chosen, which, above, result.notes)
        for number, explainer in enumerate(here.explainers.values(), start=1):
            title = f"Explain {explainer.name}" + (f" ({number} of {len(methods)})" if len(methods) > 1 else "")
            job = _Job(run_folder, explainer, here.pictures, wanted)
            if engine.is_here and (workers or 1) == 1:
                job.run(title, dtype, result, partial(_here, explainer))
            else:
                job.run(title, dtype, result, partial(_by_workers, explainer, source, workers, engine))
    merge_run(dataset_root, run_folder)
    if result.failures:
        raise MapsFailedError(result)
    return result


Explaining = Callable[[Sequence[Chosen], Counter[str], list[str]], Iterator[list[Explained]]]
"""Takes pictures with classes, yields maps as they come, counts failures and notes batches that had to shrink."""


def _here(
    explainer: Explainer, todo: Sequence[Chosen], failures: Counter[str], notes: list[str]
) -> Iterator[list[Explained]]:
    yield from explainer.batch.batches(len(todo), lambda part: explainer.explain(todo[part], failures))
    notes += explainer.notes()


def _by_workers(
    explainer: Explainer,
    source: Source,
    workers: int | None,
    engine: Engine,
    todo: Sequence[Chosen],
    failures: Counter[str],
    notes: list[str],
) -> Iterator[list[Explained]]:
    size = find_method(explainer.name).images_at_once
    starts = range(0, len(todo), size)
    groups = {f"pictures from {k}": Group(explainer.name, tuple(todo[k : k + size])) for k in starts}
    crew = engine.crew(workers, len(groups))
    setup = partial(hold, source, crew.threads)
    for outcome in run_items(explain_group, groups, workers=crew.workers, setup=setup, engine=engine):
        if outcome.value is None:
            failures[f"{explainer.name}: {outcome.error}"] += len(groups[outcome.key].chosen)
            continue
        explained, failed, noted = outcome.value
        failures.update(failed)
        notes += [note for note in noted if note not in notes]
        yield explained


class _Job:
    """One method on the pictures that lack its maps."""

    def __init__(
        self, run_folder: Path, explainer: Explainer, pictures: Pictures, wanted: Mapping[int, list[int]]
    ) -> None:
        self._name, self._wanted = explainer.name, wanted
        self._network, self._dataset = pictures.network, pictures.dataset
        self._digest = explainer.method.settings.digest()
        self._folder = method_folder(run_folder, explainer.name, explainer.method.settings)

    def run(self, title: str, dtype: Dtype, result: BulkResult, explaining: Explaining) -> None:
        """Make what is lacking, under `title`, and write into `result` what came of it."""
        total = sum(map(len, self._wanted.values()))
        with ShardWriter(self._folder, dtype) as writer:
            lacking = [
                (place, [index for index in indices if self._identity(place, index) not in writer.stored])
                for place, indices in self._wanted.items()
            ]
            todo = [(place, indices) for place, indices in lacking if indices]
            found = total - sum(len(indices) for _, indices in todo)
            result.found += found
            if todo:
                with Progress(title, total, "maps", done=found) as progress:
                    for explained in explaining(todo, result.failures, result.notes):
                        count = self._write(explained, writer)
                        result.made += count
                        progress.advance(count)
        if writer.kept_float32:
            kept = count_of(writer.kept_float32, "map")
            result.notes.append(f"{self._name}: {kept} kept as float32, which float16 would have spoilt")

    def _write(self, explained: Sequence[Explained], writer: ShardWriter) -> int:
        for place, indices, maps, seconds in explained:
            writer.add([self._row(place, index, seconds) for index in indices], maps)
        return sum(len(indices) for _, indices, *_ in explained)

    def _identity(self, place: int, index: int) -> str:
        image_id, part_id = self._dataset.image_ids[place], self._network.classes[index]
        return f"{self._network.run_id}/{self._network.name}/{self._name}-{self._digest}/{image_id}/{part_id}"

    def _row(self, place: int, index: int, seconds: float) -> Attribution:
        return Attribution(
            attribution_id=self._identity(place, index),
            run_id=self._network.run_id,
            checkpoint=self._network.name,
            image_id=self._dataset.image_ids[place],
            part_id=self._network.classes[index],
            method=self._name,
            method_settings_hash=self._digest,
            file="",
            row=0,
            seconds=seconds,
        )
