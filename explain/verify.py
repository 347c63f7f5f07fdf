"""Maps of a run's own network and pictures, made by Brickbench and by a reference library, and compared."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from core.errors import BrickbenchError
from core.progress import Progress
from core.seeding import Purpose, generator
from explain.forward import ask
from explain.methods import create_method, find_method, for_network
from explain.protocol import Method, MethodRow, NotForNetworkError, device_of
from explain.references.reference import NoReferenceError, load_reference, network_copy, quiet
from training.network.devices import choose_device
from training.run.checkpoint import Checkpoint
from training.run.run import Run

Result = TypeVar("Result")
Sample = Sequence[tuple[Tensor, list[int]]]
"""Images (3, S, S) with the classes to explain, one at least."""


@dataclass(frozen=True)
class Verified:
    """What the comparison of one method came to."""

    method: str
    library: str
    """Such as ``captum 0.9.0``; empty where there is no reference."""
    maps: int
    """How many were compared."""
    difference: float
    """The largest difference, as a share of the largest absolute value of the library's map; NaN if none was made."""
    tolerance: float
    """The largest difference that passes, as the method's row states it."""
    cpu_ratio: float
    """CPU time of this process for the library's maps over that for Brickbench's; NaN if none was made."""
    result: Literal["pass", "fail", "no reference"]
    note: str = ""
    """Why there is no reference, or no map of this network."""


class VerificationError(BrickbenchError):
    """Maps are not those of the reference, or there was nothing to compare."""


def verify_run(
    run: Run,
    methods: Mapping[str, Mapping[str, object]],
    *,
    split: str = "test",
    limit: int = 4,
    checkpoint: str = "best",
    device: str = "auto",
    seed: int = 0,
) -> list[Verified]:
    """Return for each method how its maps differ from those of the library that its row names as reference.

    Maps are raw, of logits, in the numbers of the checkpoint: as `explain.bulk.explain_run` stores them.

    Args:
        run: whose network explains, and whose dataset has the pictures.
        methods: name to settings that differ from the method's defaults; both sides take the same.
        split: ``train``, ``val`` or ``test``.
        limit: pictures, drawn from the split; each is explained for the parts in it.
        checkpoint: ``best``, ``last`` or a name such as ``epoch_0007``.
        device: where the network runs.
        seed: of the draw.

    Raises:
        SettingsError: an unknown method or setting.
    """
    network = run.load(checkpoint, choose_device(device))
    made: dict[str, Method | NotForNetworkError] = {}
    for name, settings in methods.items():
        try:
            made[name] = create_method(name, network.model, **for_network(name, settings, network))
        except NotForNetworkError as why:
            made[name] = why
    sample = _draw(run, network, split, limit, seed)
    rows = []
    # As in bulk runs: a second thread of BLAS would spin, and its time would count.
    with threadpool_limits(1, user_api="blas"), Progress("Verify", len(made), "methods") as progress:
        for name, method in made.items():
            row = find_method(name)
            if isinstance(method, NotForNetworkError):
                rows.append(_without(row, str(method)))
            else:
                rows.append(_verify(row, method, network.model, sample))
            progress.advance(1, note=name)
    return rows


def require_verified(rows: Sequence[Verified]) -> None:
    """Raise VerificationError unless something was compared and all of it passed."""
    failed = [row.method for row in rows if row.result == "fail"]
    if failed:
        raise VerificationError(
            f"Maps by {', '.join(failed)} differ from the library's by more than the tolerance: do not rely on them on "
            "this network before it is known why."
        )
    if not any(row.maps for row in rows):
        raise VerificationError(
            "Nothing was compared: name a method that a library has for this network, as the notes say."
        )


def _draw(run: Run, network: Checkpoint, split: str, limit: int, seed: int) -> Sample:
    """Return pictures with their classes; of one without a part that the network knows, the likeliest class."""
    pictures = run.dataset.pictures(split, network.classes)
    count = len(pictures.image_ids)
    chosen = generator(seed, Purpose.CONTENT).choice(count, size=min(limit, count), replace=False)
    device, sample = device_of(network.model), []
    for index in sorted(chosen.tolist()):
        image = network.network_input(pictures.image(index)).to(device)
        with torch.inference_mode():  # also warms the network up before times are taken
            likeliest = int(ask(network.model, image[None])[0].argmax())
        sample.append((image, np.flatnonzero(pictures.targets[index]).tolist() or [likeliest]))
    return sample


def _verify(row: MethodRow, method: Method, model: nn.Module, sample: Sample) -> Verified:
    """Return the comparison of one method."""
    try:
        with quiet():
            reference = load_reference(row.reference)
            copy = network_copy(model)
            reference.check(copy, sample[0][0])
    except NoReferenceError as error:
        return _without(row, str(error))
    own_seconds, their_seconds, differences, reason = 0.0, 0.0, [], ""
    for image, classes in sample:
        try:
            (own,), seconds = _timed(lambda: method.attribute(image[None], [classes]))  # noqa: B023  called at once
            with quiet(), torch.enable_grad():
                theirs, more = _timed(lambda: reference.maps(copy, method.settings, image, classes))  # noqa: B023
        except BrickbenchError as error:  # this picture has no map, or no reference
            reason = str(error)
            continue
        own_seconds, their_seconds = own_seconds + seconds, their_seconds + more
        differences += [relative_difference(*pair) for pair in zip(own, theirs, strict=True)]
    if not differences:
        return _without(row, reason)
    largest = max(differences) if all(map(math.isfinite, differences)) else math.inf
    return Verified(
        method=row.name,
        library=reference.version,
        maps=len(differences),
        difference=largest,
        tolerance=row.tolerance,
        cpu_ratio=their_seconds / own_seconds if own_seconds else math.nan,
        result="pass" if largest <= row.tolerance else "fail",
    )


def _without(row: MethodRow, reason: str) -> Verified:
    return Verified(row.name, "", 0, math.nan, row.tolerance, math.nan, "no reference", reason)


def relative_difference(own: NDArray[Any], theirs: NDArray[Any]) -> float:
    """Return the largest difference of two maps as a share of the second's largest absolute value; infinite if apart.

    Maps of different sizes, or with values that are not finite, are apart; so is anything from a map of zeros.
    """
    if own.shape != theirs.shape:
        return math.inf
    difference, scale = float(np.abs(own - theirs).max()), float(np.abs(theirs).max())
    if not math.isfinite(difference):
        return math.inf
    return difference / scale if scale else 0.0 if difference == 0 else math.inf


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what `work` gives, and the CPU time of this process that it took, all threads together."""
    started = time.process_time()
    return work(), time.process_time() - started
