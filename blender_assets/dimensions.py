"""The measures of the LEGO system, in millimetres.

Part frame: right-handed, z up; the origin is the centre of the footprint at the underside of the
walls; x runs along a part's length (the larger stud count), y along its width. Slopes fall towards -y.
"""

PITCH_MM = 8.0
"""Distance between stud centres."""

GAP_MM = 0.1
"""Play on each side: a 2 x 4 brick is 31.8 x 15.8, not 32 x 16."""

BRICK_HEIGHT_MM = 9.6
PLATE_HEIGHT_MM = 3.2
STUD_RADIUS_MM = 2.4
STUD_HEIGHT_MM = 1.7
OPEN_STUD_INNER_RADIUS_MM = 1.6
"""Hole of a hollow stud: a bar of 3.2 mm fits."""

WALL_MM = 1.5
ROOF_MM = 1.2
"""Thickness of the top above the hollow."""

TUBE_OUTER_RADIUS_MM = 3.255
"""Tube between four studs: touches them on the diagonal, (8 * sqrt(2) - 4.8) / 2."""

TUBE_INNER_RADIUS_MM = 2.4
PIN_RADIUS_MM = 1.6
"""Solid pin between two studs of a part one stud wide: 8 / 2 - 2.4."""

STUD_HOLE_RADIUS_MM = 1.3
"""Blind hole below each stud, left by the moulding."""

BEVEL_MM = 0.2
"""Edge chamfer. Real edges are rounded by about 0.2 mm; shading normals make one chamfer look round."""

CURVE_SEGMENTS = 24
"""Corners of a full circle. At 24 a stud's silhouette is 0.02 mm off, far below a pixel at 1,000 px a pile."""

HOLE_SEGMENTS = 16
"""Corners of the holes below tubes and studs, which are seen in their own shadow only."""
