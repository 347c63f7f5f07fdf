"""The same value everywhere: what each metric gives for nothing."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor, nn

from explain.protocol import FloatMaps, MethodRow, NoSettings, check_request


class Uniform:
    """The same value everywhere, as a single cell: it scores what a metric gives for nothing."""

    def __init__(self, _model: nn.Module, settings: NoSettings) -> None:
        """Take no notice of the network."""
        self.settings = settings

    def attribute(self, images: Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        """Return maps of one cell, (K, 1, 1), as `explain.protocol.Method` says."""
        check_request(images, classes)
        return [np.ones((len(asked), 1, 1), dtype=np.float32) for asked in classes]


ROW = MethodRow(
    "uniform", "Uniform", "baseline", "baseline", Uniform, NoSettings, "nearest", signed=False, images_at_once=16,
    cost="none", source="a constant", note="what each metric gives for nothing",
)  # fmt: skip
