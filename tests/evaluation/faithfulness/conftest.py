"""Networks whose answers can be worked out by hand, and a dataset of toys with twins."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from toy import PARTS, _floor, _shape, instance_record, toy_picture  # type: ignore[import-not-found]

from core.files import sha256_hex
from core.seeding import Purpose, generator
from dataset.index import update_index
from dataset.manifest import LabelRule, Manifest, SplitRule
from dataset.records import ImageRecord
from dataset.shards import write_shard
from evaluation.faithfulness.network import Network
from evaluation.faithfulness.protocol import Maps
from explain.bulk import explain_run
from training.run.run import Run

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)


class Weighted(nn.Module):
    """Logits are weighted sums of the pixels."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = nn.Parameter(weights)  # (C, 3, S, S)

    def forward(self, images: Tensor) -> Tensor:
        return torch.einsum("nchw,kchw->nk", images, self.weights)


@pytest.fixture
def asked() -> Callable[..., Maps]:
    """Return what makes `Maps` of random pictures and maps without ties, for a network of small random weights."""

    def make(count: int = 3, size: int = 12, *, model: nn.Module | None = None, seed: int = 0, batch: int = 7) -> Maps:
        rng = np.random.default_rng(seed)
        if model is None:
            model = Weighted(torch.from_numpy(rng.normal(0, 0.1, (4, 3, size, size)).astype(np.float32)))
        images = torch.from_numpy(rng.normal(0, 1, (count, 3, size, size)).astype(np.float32))
        maps = np.stack([rng.permutation(size * size).reshape(size, size) - 20.0 for _ in range(count)])
        classes = rng.integers(0, 4, count)
        return Maps(Network(model, MEAN, STD, batch), images, classes, maps)

    return make


def _picture(seed: int, pile: int, size: int, without: int | None) -> tuple[ImageRecord, bytes]:
    """Return a pile that shows all three toy parts, or its twin without part number `without`."""
    rng = generator(seed, pile, Purpose.CONTENT, 99)
    image = _floor(rng, size)
    shapes: list[NDArray[np.bool_]] = [_shape(rng, code, size) for code in range(3)]
    colours = rng.integers(100, 256, size=(3, 3))
    covered = np.zeros((size, size), dtype=np.bool_)
    bricks = []
    for code in (2, 1, 0):
        if code != without:
            visible = shapes[code] & ~covered
            image[visible] = colours[code]
            bricks.append(instance_record(code, PARTS[code].part_id, visible, shapes[code]))
            covered |= shapes[code]
    data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    record, _ = toy_picture(seed, pile, 0, size)
    name = record.image_id
    part_id = None if without is None else PARTS[without].part_id
    twin_id = name if without is None else f"{name}-removed-{part_id}"
    record = replace(
        record, image_id=twin_id, file=f"images/{twin_id}.png", content_hash=sha256_hex(data),
        instances=tuple(reversed(bricks)), twin_of=None if without is None else name,
        twin_mode=None if without is None else "removed", removed_part_id=part_id,
    )  # fmt: skip
    return record, data


def _pictures(piles: int, size: int) -> Iterator[tuple[ImageRecord, bytes]]:
    for pile in range(piles):
        for without in (None, 0, 1, 2):
            yield _picture(0, pile, size, without)


@pytest.fixture(scope="session")
def with_twins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset with twins, a small trained run, and maps of five methods: read it, never write into it."""
    from training.fit.loop import train
    from training.run.settings import TrainingSettings

    root, size = tmp_path_factory.mktemp("twins") / "dataset", 48
    rule = LabelRule(min_visible_fraction=0.05, min_visible_px=4)
    split = SplitRule(train=0.5, val=0.2, test=0.3)
    Manifest(seed=0, parts=PARTS, label_rule=rule, split_rule=split).save_folder(root)
    write_shard(root, 0, _pictures(24, size))
    update_index(root)
    settings = TrainingSettings(model_kwargs={"width": 0.05, "stem_stride": 2}, input_size_px=size, epochs=1)
    train(settings, root, root / "runs" / "toy", device="cpu")
    methods = {"gradcam": {}, "saliency": {}, "random": {}, "uniform": {}, "oracle": {}}
    explain_run(Run.open(root / "runs" / "toy", root), methods, limit=4, device="cpu")
    return root


@pytest.fixture
def own_twins(with_twins: Path, tmp_path: Path) -> Path:
    """Return a copy of `with_twins` to write into."""
    return Path(shutil.copytree(with_twins, tmp_path / "dataset"))
