"""Maps of many pictures by several methods, written into a run; what is there already is not made again.

The network explains in this process, or in the workers of an engine; this process alone writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.cli import count_of
from core.engine import LOCAL, Engine
from core.errors import PartialFailureError, SettingsError
from core.files import require_writable
from core.progress import Progress
from core.work import WorkResult, work_through
from dataset.index import merge_run
from explain.explainer import ExplainContext, Group, PictureMaps, explain_group
from explain.method_key import MethodKey
from explain.shard_writer import Dtype, ShardWriter
from explain.store import Attribution, keep_default_layer, method_folder
from explain.wanted import Chosen, NetworkInputs, Which, wanted_classes
from training.run.run import Run


def explain_run(
    run: Run,
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
) -> WorkResult:
    """Make the maps that the run lacks, merge its rows into the index, and return what was done.

    Args:
        run: whose network explains the pictures of its dataset.
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
        BrickbenchError: no such pictures, or the disk is full.
        PartialFailureError: everything else was done and merged, but some maps failed; its result is what this returns.
    """
    if not methods:
        raise SettingsError("No method was named: give --methods, such as gradcam,lime,random.")
    if not 1 <= share[0] <= share[1]:
        raise SettingsError(f"The share should be K of N with K from 1 to N, such as 1/4; it is {share[0]}/{share[1]}.")
    require_writable(run.folder)
    context = ExplainContext(run, methods, split, checkpoint, device)
    inputs, explainers = context.inputs, context.explainers
    result = WorkResult()
    chosen = range(len(inputs.dataset.image_ids))[:limit][share[0] - 1 :: share[1]]
    with context.ready(0):
        classes, note = wanted_classes(inputs, chosen, which, above)
    result.failures.update(inputs.failures)
    result.add_notes([note, *(explainer.layer_note for explainer in explainers.values())])
    for number, explainer in enumerate(explainers.values(), start=1):
        title = f"Explain {explainer.name}" + (f" ({number} of {len(methods)})" if len(methods) > 1 else "")
        maps = _MethodMaps(MethodKey(explainer.name, explainer.method.settings.digest()), inputs)
        folder = method_folder(run.folder, explainer.name, explainer.method.settings)
        if explainer.layer_note is not None:
            keep_default_layer(folder, explainer.layer_note)
        with ShardWriter(folder, dtype) as writer:
            lacking = maps.lacking(classes, writer.stored)
            total, todo = (sum(len(indices) for _, indices in some) for some in (classes.items(), lacking))
            result.found += total - todo
            if lacking:
                size = explainer.batch.size
                groups = {
                    f"pictures from {k}": Group(explainer.name, tuple(lacking[k : k + size]))
                    for k in range(0, len(lacking), size)
                }
                done = work_through(
                    explain_group,
                    groups,
                    result,
                    setup=context.ready,
                    engine=engine,
                    workers=workers,
                    alone=workers is None,
                )
                with Progress(title, total, "maps", done=total - todo) as progress:
                    for _, explained in done:
                        count = maps.write(explained.maps, writer)
                        result.made += count
                        result.failures.update(explained.failures)
                        result.add_notes(explained.notes)
                        progress.advance(count)
        if writer.kept_float32:
            kept = count_of(writer.kept_float32, "map")
            result.add_notes([f"{explainer.name}: {kept} kept as float32, which float16 would have spoilt"])
    merge_run(run.dataset.root, run.folder)
    if result.failures:
        failed = sum(result.failures.values())
        summary = f"{failed} pictures could not be explained, {result.made + result.found} maps are there"
        raise PartialFailureError(summary, result.failures, result)
    return result


@dataclass(frozen=True)
class _MethodMaps:
    """The maps of one method: what each is called, and its row."""

    key: MethodKey
    inputs: NetworkInputs

    def lacking(self, classes: Mapping[int, list[int]], stored: set[str]) -> list[Chosen]:
        """Return those of `classes`, by picture, whose maps are not `stored`."""
        todo = [
            (place, [index for index in indices if self._identity(place, index) not in stored])
            for place, indices in classes.items()
        ]
        return [(place, indices) for place, indices in todo if indices]

    def write(self, made: Sequence[PictureMaps], writer: ShardWriter) -> int:
        """Hand maps with their rows to `writer`, and return how many they are."""
        for place, indices, maps, seconds in made:
            writer.add([self._row(place, index, seconds) for index in indices], maps)
        return sum(len(indices) for _, indices, *_ in made)

    def _identity(self, place: int, index: int) -> str:
        network, image_id = self.inputs.network, self.inputs.dataset.image_ids[place]
        return f"{network.run_id}/{network.name}/{self.key}/{image_id}/{network.classes[index]}"

    def _row(self, place: int, index: int, seconds: float) -> Attribution:
        network = self.inputs.network
        return Attribution(
            attribution_id=self._identity(place, index),
            run_id=network.run_id,
            checkpoint=network.name,
            image_id=self.inputs.dataset.image_ids[place],
            part_id=network.classes[index],
            method=self.key.method,
            method_settings_hash=self.key.settings_hash,
            file="",
            row=0,
            seconds=seconds,
        )
