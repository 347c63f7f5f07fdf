"""Draw the pictures of the docs: ``python docs/draw_pictures.py DEMO``, where DEMO is the folder `make demo` filled.

- images/opening.png: one pile, its masks, and Grad-CAM of the demo's network for one of its bricks;
- images/piles.jpg: 48 piles of the default settings;
- images/labels.jpg: one picture with its masks, depth and normals, and its twin without one part.
"""

import os
import sys
from pathlib import Path

import cv2
import numpy as np

from explain.draw import overlay
from explain.methods import create_method
from render.run import RenderRecord
from render.settings import RenderSettings
from render.shots import render_shots, settled_pile
from render.trial import contact_sheet, draw_masks
from render.worker import start_blender
from training.run.checkpoint import load_checkpoint

IMAGES = Path(__file__).with_name("images")
OPENING_PX = 480
OPENING_SEED = 1  # not the demo's: the network never saw this pile


def draw_opening(demo: Path, pile_index: int) -> None:
    """Write opening.png from pile `pile_index` of another seed than the demo's."""
    settings = RenderRecord.load(demo / "piles" / "settings.yaml").render
    large = settings.model_copy(update={"image_size_px": OPENING_PX, "samples": 128, "views": 1})
    settled = settled_pile(large, OPENING_SEED, pile_index)
    shot = next(iter(render_shots(settled, large)))
    network = load_checkpoint(demo / "piles" / "runs" / "bricknet")
    images = network.network_input(shot.image)[None]
    logits = network.model(images)[0].detach().numpy()
    # The part that the network is surest of, among those in the picture.
    present = [k for k, brick in enumerate(settled.pile.bricks) if shot.masks.visible(k).any()]
    chosen = max(present, key=lambda k: logits[network.classes.index(settled.pile.bricks[k].part_id)])
    part_id = settled.pile.bricks[chosen].part_id
    wanted = network.classes.index(part_id)
    heat = create_method("gradcam", network.model, input_size_px=network.input_size_px).attribute(images, [[wanted]])[
        0
    ][0]
    mask = np.any([shot.masks.visible(k) for k in present if settled.pile.bricks[k].part_id == part_id], axis=0)
    drawn = overlay(shot.image, heat, resize="bilinear", size_px=OPENING_PX, mask=mask)
    panels = [shot.image, draw_masks(shot.image, shot.masks, len(settled.pile.bricks)), drawn]
    sheet = contact_sheet(panels, 3)
    cv2.imwrite(str(IMAGES / "opening.png"), sheet[:, :, ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    print(f"opening.png: Grad-CAM for part {part_id}, logit {logits[wanted]:.2f}")


def draw_piles() -> None:
    """Write piles.jpg."""
    settings = RenderSettings()
    cells = [next(iter(render_shots(settled_pile(settings, 0, k), settings))).image for k in range(48)]
    cv2.imwrite(str(IMAGES / "piles.jpg"), contact_sheet(cells, 8)[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 86])


def draw_labels() -> None:
    """Write labels.jpg: a picture, its masks, depth, normals, and a twin."""
    settings = RenderSettings.parse(
        {
            "bricks_min": 9, "distractors_max": 0, "arrangements": ["heaped"], "backgrounds": ["wood"],
            "lightings": ["window"], "image_size_px": 320, "samples": 64, "depth": True, "twins": "removed",
        }
    )  # fmt: skip
    shots = list(render_shots(settled_pile(settings, 4, 2), settings))
    original = shots[0]
    twin = max(shots[1:], key=lambda shot: np.abs(shot.image.astype(int) - original.image).sum())
    geometry = original.geometry
    near, far = np.percentile(geometry.depth_m, [1, 99])
    depth = np.clip(255 * (far - geometry.depth_m) / (far - near), 0, 255).astype(np.uint8)
    panels = [
        original.image,
        draw_masks(original.image, original.masks, len(original.settled.pile.bricks)),
        cv2.applyColorMap(depth, cv2.COLORMAP_VIRIDIS)[:, :, ::-1],
        ((geometry.normals.astype(np.float32) + 1) * 127.5).astype(np.uint8),
        twin.image,
    ]
    sheet = contact_sheet(panels, len(panels))
    cv2.imwrite(str(IMAGES / "labels.jpg"), sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"labels.jpg: the twin is without part {twin.twin.removed_part_id}")


if __name__ == "__main__":
    start_blender(len(os.sched_getaffinity(0)))
    IMAGES.mkdir(exist_ok=True)
    draw_opening(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 6)
    draw_piles()
    draw_labels()
