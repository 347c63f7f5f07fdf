"""BOP: models, cameras, poses, masks and visibility as the BOP benchmark's toolkit reads them.

Source of the format: Hodan et al. 2018, and docs/bop_datasets_format.md of the BOP toolkit (scenewise). Its cameras are
OpenCV's (x right, y down, z forward), its models have their origin at the centre of their box, lengths are millimetres.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import trimesh
from numpy.typing import NDArray

from blender_assets.mesh import PartMesh
from blender_assets.symmetry import diameter_mm, find_symmetries
from core.errors import BrickbenchError, SettingsError
from core.progress import Progress
from dataset.export.files import file_of, stored_path
from dataset.export.formats import Options
from dataset.export.selection import Picture, Selection
from dataset.masks import BoolMask, decode_mask
from render.run import SETTINGS_NAME, RenderRecord

Floats = NDArray[np.float64]
PICTURES_A_SCENE = 1000
DEPTH_SCALE = 0.1
"""Millimetres a step of a depth picture's 16 bits: up to 6.5 m."""


@dataclass(frozen=True)
class Model:
    """A part as an object of BOP."""

    obj_id: int
    mesh: PartMesh

    @property
    def centre_mm(self) -> Floats:
        """Centre of the part's box in its own axes, (3,): the origin of the object."""
        low, high = self.mesh.bounds_mm
        return np.asarray((low.astype(np.float64) + high) / 2)


@dataclass(frozen=True)
class Pinhole:
    """A picture's camera, in OpenCV's axes."""

    intrinsics: Floats
    """K, (3, 3)"""
    camera_from_world: Floats
    """(3, 4), millimetres"""


@dataclass(frozen=True)
class Body:
    """A brick in a picture, seen or hidden by others."""

    model: Model
    camera_from_model: Floats
    """(3, 4), millimetres; the model lies about the centre of its box"""
    visible: BoolMask
    amodal: BoolMask
    in_frame_fraction: float

    def box_px(self, view: Pinhole) -> list[int]:
        """Return left, top, width, height of the whole silhouette, which may reach beyond the picture."""
        vertices = self.model.mesh.vertices_mm - self.model.centre_mm
        points = vertices @ self.camera_from_model[:, :3].T + self.camera_from_model[:, 3]
        pixels = points @ view.intrinsics.T
        corners = pixels[:, :2] / pixels[:, 2:]
        low, high = np.floor(corners.min(axis=0) + 0.5).astype(int), np.ceil(corners.max(axis=0) + 0.5).astype(int)
        return [int(low[0]), int(low[1]), int(high[0] - low[0]), int(high[1] - low[1])]


def write(selection: Selection, folder: Path, options: Options, progress: Progress) -> None:
    """Write ``models/``, ``camera.json``, ``dataset_info.md`` and ``SPLIT/000000/`` … into `folder`.

    An object's id is its class_index + 1. A scene holds up to `PICTURES_A_SCENE` pictures; ``scene_camera.json`` names
    each one's image_id as ``brickbench_id``. Depth pictures are there where depth was rendered.

    Raises:
        BrickbenchError: the dataset does not say how it was rendered.
        SettingsError: photos are among the pictures, or pictures with a distortion of the lens.
    """
    del options
    models = _models(selection)
    _write_models(models, folder / "models")
    for split in selection.image_ids:
        pictures, number = selection.pictures(split), 0
        while some := list(islice(pictures, PICTURES_A_SCENE)):
            _write_scene(folder / split / f"{number:06d}", selection, models, some, progress)
            number += 1
    _write_camera(folder)
    names = [f"- {model.obj_id}: {part_id}" for part_id, model in models.items()]
    (folder / "dataset_info.md").write_text("\n".join(["# Objects by obj_id", "", *names, ""]), encoding="utf-8")


def _models(selection: Selection) -> dict[str, Model]:
    """Return the objects by part_id: those parts of the dataset that its renders can show."""
    path = selection.dataset.root / SETTINGS_NAME
    if not path.is_file():
        raise BrickbenchError(
            f"{path.parent} has no {SETTINGS_NAME}, so the shapes of its parts are not known. BOP holds renders: "
            "export the dataset that was rendered, with --sql for a part of it."
        )
    settings = RenderRecord.load(path).render
    return {
        part.part_id: Model(number, settings.catalogue.mesh(part.part_id))
        for number, part in enumerate(selection.dataset.parts, start=1)
        if part.part_id in settings.parts
    }


def _write_models(models: Mapping[str, Model], folder: Path) -> None:
    folder.mkdir()
    rows: dict[str, dict[str, Any]] = {}
    for model in models.values():
        mesh = model.mesh
        solid = trimesh.Trimesh(mesh.vertices_mm - model.centre_mm, mesh.faces, process=False)
        solid.export(folder / f"obj_{model.obj_id:06d}.ply", vertex_normal=True, encoding="ascii")
        size, found = mesh.size_mm.astype(float), find_symmetries(mesh)
        row: dict[str, Any] = {"diameter": diameter_mm(mesh)}
        row |= {f"min_{name}": -float(length) / 2 for name, length in zip("xyz", size, strict=True)}
        row |= {f"size_{name}": float(length) for name, length in zip("xyz", size, strict=True)}
        if len(found.rotations):
            poses = (
                np.block([[one, np.zeros((3, 1))], [np.zeros((1, 3)), np.ones((1, 1))]]) for one in found.rotations
            )
            row["symmetries_discrete"] = [np.round(pose, 9).ravel().tolist() for pose in poses]
        if found.axes:
            row["symmetries_continuous"] = [
                {"axis": np.eye(3)[axis].tolist(), "offset": [0.0, 0.0, 0.0]} for axis in found.axes
            ]
        rows[str(model.obj_id)] = row
    _write_json(folder / "models_info.json", rows)


def _write_scene(
    folder: Path, selection: Selection, models: Mapping[str, Model], pictures: list[Picture], progress: Progress
) -> None:
    for name in ("rgb", "mask", "mask_visib"):
        (folder / name).mkdir(parents=True)
    root = selection.dataset.root
    cameras, poses, infos = {}, {}, {}
    for number, picture in enumerate(pictures):
        view = _view(picture)
        bodies = list(_bodies(selection, picture, view, models))
        depth = _depth(root, picture)
        cameras[str(number)] = _camera_row(view, picture)
        poses[str(number)] = [_pose_row(body) for body in bodies]
        infos[str(number)] = [_info_row(body, view, depth) for body in bodies]
        _write_picture(folder / "rgb", number, root, picture)
        for k, body in enumerate(bodies):
            _write_png(folder / "mask" / f"{number:06d}_{k:06d}.png", body.amodal * np.uint8(255))
            _write_png(folder / "mask_visib" / f"{number:06d}_{k:06d}.png", body.visible * np.uint8(255))
        if depth is not None:
            (folder / "depth").mkdir(exist_ok=True)
            _write_png(folder / "depth" / f"{number:06d}.png", depth)
        progress.advance()
    _write_json(folder / "scene_camera.json", cameras)
    _write_json(folder / "scene_gt.json", poses)
    _write_json(folder / "scene_gt_info.json", infos)


def _view(picture: Picture) -> Pinhole:
    """Return a picture's camera; raises SettingsError if BOP has no such."""
    camera = picture.camera
    if camera is None:
        raise SettingsError(f"BOP holds renders, and {picture.image_id} is a photo: add --source synthetic.")
    if any(camera.distortion):
        raise SettingsError(
            f"BOP knows no distortion of lenses, which {picture.image_id} has: choose others with --sql."
        )
    intrinsics = np.array([[camera.fx_px, 0, camera.cx_px], [0, camera.fy_px, camera.cy_px], [0, 0, 1]])
    return Pinhole(intrinsics, np.reshape(camera.camera_from_world, (3, 4)))


def _bodies(selection: Selection, picture: Picture, view: Pinhole, models: Mapping[str, Model]) -> Iterator[Body]:
    """Yield the bricks that lie in the picture at least in part, by instance_id."""
    rows = selection.dataset.query(
        "SELECT part_id, visible_rle, amodal_rle, in_frame_fraction, world_from_part FROM instances "
        "WHERE image_id = ? AND amodal_px > 0 ORDER BY instance_id",
        [picture.image_id],
    )
    for part_id, visible, amodal, in_frame, pose in rows:
        model, world_from_part = models[part_id], np.reshape(pose, (3, 4))
        rotation = view.camera_from_world[:, :3] @ world_from_part[:, :3]
        origin = world_from_part[:, :3] @ model.centre_mm + world_from_part[:, 3]
        shift = view.camera_from_world[:, :3] @ origin + view.camera_from_world[:, 3]
        seen, whole = (decode_mask(rle, picture.height, picture.width) for rle in (visible, amodal))
        yield Body(model, np.column_stack([rotation, shift]), seen, whole, in_frame)


def _camera_row(view: Pinhole, picture: Picture) -> dict[str, Any]:
    return {
        "cam_K": view.intrinsics.ravel().tolist(),
        "cam_R_w2c": view.camera_from_world[:, :3].ravel().tolist(),
        "cam_t_w2c": view.camera_from_world[:, 3].tolist(),
        "depth_scale": DEPTH_SCALE,
        "brickbench_id": picture.image_id,
    }


def _pose_row(body: Body) -> dict[str, Any]:
    return {
        "cam_R_m2c": body.camera_from_model[:, :3].ravel().tolist(),
        "cam_t_m2c": body.camera_from_model[:, 3].tolist(),
        "obj_id": body.model.obj_id,
    }


def _info_row(body: Body, view: Pinhole, depth: NDArray[np.uint16] | None) -> dict[str, Any]:
    """Return what `scene_gt_info.json` says; pixels of the whole silhouette are counted beyond the picture too."""
    seen, whole = int(body.visible.sum()), round(float(body.amodal.sum()) / body.in_frame_fraction)
    x, y, width, height = cv2.boundingRect(body.visible.astype(np.uint8)) if seen else (-1, -1, -1, -1)
    return {
        "bbox_obj": body.box_px(view),
        "bbox_visib": [x, y, width, height],
        "px_count_all": whole,
        "px_count_valid": whole if depth is None else int((depth[body.amodal] > 0).sum()),
        "px_count_visib": seen,
        "visib_fract": seen / whole,
    }


def _depth(root: Path, picture: Picture) -> NDArray[np.uint16] | None:
    if picture.geometry_file is None:
        return None
    with np.load(stored_path(root, picture.geometry_file)) as geometry:
        if "depth_m" not in geometry.files:
            return None
        steps = np.rint(geometry["depth_m"].astype(np.float64) * 1000 / DEPTH_SCALE)
    return np.where(steps <= np.iinfo(np.uint16).max, steps, 0).astype(np.uint16)


def _write_picture(folder: Path, number: int, root: Path, picture: Picture) -> None:
    suffix, data, _ = file_of(root, picture)
    if suffix in {".jpg", ".png"}:
        (folder / f"{number:06d}{suffix}").write_bytes(data)
    else:  # the toolkit looks for these two
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        _write_png(folder / f"{number:06d}.png", np.asarray(image))


def _write_png(path: Path, image: NDArray[Any]) -> None:
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())


def _write_camera(folder: Path) -> None:
    """Write ``camera.json``, which stands for the sensor: that of the first picture; each scene has every picture's."""
    scene = min(folder.glob("*/000000"))
    first = json.loads((scene / "scene_camera.json").read_text(encoding="utf-8"))["0"]
    height, width = cv2.imread(str(min((scene / "rgb").iterdir()))).shape[:2]
    fx, _, cx, _, fy, cy, *_ = first["cam_K"]
    row = {"cx": cx, "cy": cy, "depth_scale": DEPTH_SCALE, "fx": fx, "fy": fy, "height": height, "width": width}
    _write_json(folder / "camera.json", row)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
