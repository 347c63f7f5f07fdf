"""The hand that holds the camera: it turns it while the picture is taken.

A turn about the lens shows no other side of anything, so the picture of a moment is the still picture, moved. Shifts of
the lens are left out.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Motion:
    """An even turn; the middle row is exposed about time 0, at which the camera has its pose."""

    turn_deg_per_s: tuple[float, float, float]
    """About the camera's own axes: x right, y up, z back."""

    exposure_s: float
    """How long each row gathers light: motion blur."""

    readout_s: float
    """From the exposure of the first row to that of the last: rolling shutter. 0: all at once."""

    def row_times(self, y_px: Floats, height_px: int) -> Floats:
        """Return when the middle of the exposure of rows `y_px` is, in seconds."""
        return np.asarray(self.readout_s * (y_px / height_px - 0.5))

    def turned(self, directions: Floats, seconds: Floats) -> Floats:
        """Return what directions (N, 3) in the camera's axes at these times (N,) are in those at time 0."""
        turn = np.radians(self.turn_deg_per_s)
        speed = float(np.linalg.norm(turn))
        if not speed:
            return directions
        (x, y, z), angle = turn / speed, (speed * seconds)[:, None]
        cross = np.array([[0.0, z, -y], [-z, 0.0, x], [y, -x, 0.0]])  # the cross product with the axis, from the right
        crossed = directions @ cross
        # Rodrigues' formula
        return np.asarray(directions + np.sin(angle) * crossed + (1 - np.cos(angle)) * (crossed @ cross))
