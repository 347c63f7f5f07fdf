"""Pictures on faces of a part: textured prints of an LDraw library, textures of a user's mesh."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blender_assets.paint import linear_from_srgb


@dataclass(frozen=True)
class Print:
    """One picture, and where on it the corners of faces lie."""

    picture: NDArray[np.uint8]  # (H, W, 4) sRGB and opacity, first row on top
    uv: NDArray[np.float32]  # (F, 3, 2) from the left and from below, 0..1; NaN for a face without it
    repeats: bool
    """Whether the picture goes on beyond its edges; if not, there is nothing."""

    @property
    def faces(self) -> NDArray[np.bool_]:
        """Which faces it is on, (F,)."""
        return np.asarray(~np.isnan(self.uv).any(axis=(1, 2)))

    def at(self, face: NDArray[np.integer[Any]], place: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Return the scene-linear colour and the opacity at places of faces, (R, 4).

        Args:
            face: numbers of faces, (R,).
            place: shares of their three corners, (R, 3).
        """
        uv = np.einsum("rk,rkc->rc", place, self.uv[face].astype(np.float64))
        there = ~np.isnan(uv).any(axis=1)
        uv = np.where(there[:, None], uv, 0.0)
        if self.repeats:
            uv = uv % 1.0
        else:
            there &= ((uv >= 0) & (uv <= 1)).all(axis=1)
        height, width = self.picture.shape[:2]
        columns = np.clip((uv[:, 0] * width).astype(int), 0, width - 1)
        rows = np.clip(((1 - uv[:, 1]) * height).astype(int), 0, height - 1)
        rgba = self.picture[rows, columns].astype(np.float64) / 255
        return np.column_stack([linear_from_srgb(rgba[:, :3]), rgba[:, 3] * there])


def turned_with(
    uv: NDArray[np.floating[Any]], before: NDArray[np.integer[Any]], after: NDArray[np.integer[Any]]
) -> NDArray[np.float32]:
    """Return `uv` (F, 3, 2) of faces `before` (F, 3) in the order that their corners have in `after` (F, 3)."""
    order = (before[:, None, :] == after[:, :, None]).argmax(axis=2)
    return np.take_along_axis(uv, order[:, :, None], axis=1).astype(np.float32)


def join_prints(pieces: Sequence[tuple[int, Print | None]]) -> Print | None:
    """Return the prints of several pieces, each of so many faces, as one; None if there is none.

    Different pictures are set one above the other, with a clear edge around each. A face that goes beyond the edge of
    its picture is squeezed into it, after it was shifted back by whole pictures where the picture repeats.
    """
    pictures: list[NDArray[np.uint8]] = []
    for _, one in pieces:
        if one is not None and not any(one.picture is known for known in pictures):
            pictures.append(one.picture)
    if not pictures:
        return None
    blank = [np.full((count, 3, 2), np.nan, dtype=np.float32) for count, _ in pieces]
    if len(pictures) == 1:
        uv = [none if one is None else one.uv for none, (_, one) in zip(blank, pieces, strict=True)]
        return Print(pictures[0], np.concatenate(uv), all(one.repeats for _, one in pieces if one is not None))
    width = max(picture.shape[1] for picture in pictures) + 2
    tops = np.cumsum([0, *(picture.shape[0] + 2 for picture in pictures)])
    page = np.zeros((int(tops[-1]), width, 4), dtype=np.uint8)
    for top, picture in zip(tops, pictures, strict=False):
        page[top + 1 : top + 1 + picture.shape[0], 1 : 1 + picture.shape[1]] = picture
    placed = []
    for none, (_, one) in zip(blank, pieces, strict=True):
        if one is None:
            placed.append(none)
            continue
        k = next(k for k, picture in enumerate(pictures) if picture is one.picture)
        shift = np.floor(one.uv.min(axis=1, keepdims=True)) if one.repeats else 0.0
        inside = np.clip(one.uv - shift, 0, 1)
        x = (1 + inside[..., 0] * one.picture.shape[1]) / width
        y = 1 - (tops[k] + 1 + (1 - inside[..., 1]) * one.picture.shape[0]) / len(page)
        placed.append(np.stack([x, y], axis=-1).astype(np.float32))
    return Print(page, np.concatenate(placed), repeats=False)
