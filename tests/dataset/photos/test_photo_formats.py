"""Each format read from a folder as its tools write it, and what leads outside the folder refused."""

import base64
import io
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco

from core.errors import BrickbenchError
from dataset.masks import decode_mask
from dataset.photos.annotations import AnnotatedPhoto, Annotations, PhotoError
from dataset.photos.folder import PhotoFolder
from dataset.photos.formats.registry import FORMATS, detect

SHARED = Path(__file__).resolve().parents[3].parent / "shared" / "photos"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real photos in ../shared/photos")


def write(root: Path, files: dict[str, str | bytes | None]) -> PhotoFolder:
    """Write files; None stands for a small picture."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            Image.new("RGB", (40, 30), "red").save(path, "PNG")
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return PhotoFolder(root)


def read(folder: PhotoFolder, kind: str) -> Annotations:
    assert detect(folder) == kind
    return FORMATS[kind].read(folder)


def summary(found: Annotations) -> list[tuple[str, str | None, tuple[str, ...]]]:
    return [(photo.file, photo.split, photo.classes()) for photo in found.photos]


def reasons(found: Annotations) -> dict[str, str]:
    return {reason.file: reason.reason for reason in found.set_aside}


def test_folders_with_and_without_splits(tmp_path: Path) -> None:
    files = {"3001/a.jpg": None, "3001/deep/B.JPG": None, "Brique é/c.png": None, "3001/notes.txt": "x", "d.jpg": None}
    found = read(write(tmp_path / "plain", files | {"3001/.hidden.jpg": None, "3001/Thumbs.db": "x"}), "folders")
    assert summary(found) == [
        ("3001/a.jpg", None, ("3001",)), ("3001/deep/B.JPG", None, ("3001",)), ("3001/notes.txt", None, ("3001",)),
        ("Brique é/c.png", None, ("Brique é",)),
    ]  # fmt: skip
    assert [(reason.file, reason.reason) for reason in found.left_out] == [("d.jpg", "lies in no class's folder")]
    found = read(write(tmp_path / "split", {"Train/3001/a.jpg": None, "valid/3003/b.jpg": None}), "folders")
    assert summary(found) == [("Train/3001/a.jpg", "train", ("3001",)), ("valid/3003/b.jpg", "val", ("3003",))]


@pytest.mark.parametrize(
    "table",
    [
        "file,part\na.jpg,3001\na.jpg,3003\nb.jpg,3003\n",
        "\ufeffFilename;Parts\na.jpg;3001, 3003\nb.jpg;3003\n",
        "a.jpg\t3001\t3003\nb.jpg\t3003\n",
        "a.jpg,3001;3003\nb.jpg, 3003\n",
        'image,labels\n"a.jpg","3001|3003"\nB.JPG,3003\n',
        "filename,3001,3003\na.jpg,1,1\nb.jpg,0,1\n",
        "split,file,part\n,a.jpg,3001;3003\n,b.jpg,3003\n",
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, table: str) -> None:
    found = read(write(tmp_path, {"t.csv": table, "images/a.jpg": None, "images/b.jpg": None}), "csv")
    assert summary(found) == [("images/a.jpg", None, ("3001", "3003")), ("images/b.jpg", None, ("3003",))]
    assert not found.set_aside
    assert not found.left_out


def test_a_table_with_boxes_and_splits_and_rows_of_missing_files(tmp_path: Path) -> None:
    table = (
        "filename,width,height,class,xmin,ymin,xmax,ymax,split\n"
        "a.jpg,40,30,3001,1,2,11,12,train\na.jpg,40,30,3003,5,5,9,9,train\nnone.jpg,40,30,3001,1,2,3,4,val\n"
    )
    found = read(write(tmp_path, {"t.csv": table, "a.jpg": None, "other.png": None}), "csv")
    (photo,) = found.photos
    assert (photo.frame, photo.split) == ((40.0, 30.0), "train")
    assert [(thing.class_name, thing.box_xyxy) for thing in photo.objects] == [
        ("3001", (1.0, 2.0, 11.0, 12.0)), ("3003", (5.0, 5.0, 9.0, 9.0)),
    ]  # fmt: skip
    assert reasons(found) == {"none.jpg": "t.csv names 'none.jpg', which is not there"}
    assert [(reason.file, reason.reason) for reason in found.left_out] == [("other.png", "no annotation names it")]


def test_a_table_that_is_none_is_refused(tmp_path: Path) -> None:
    folder = write(tmp_path, {"t.csv": "file,colour\na.jpg,red\n", "a.jpg": None})
    with pytest.raises(BrickbenchError) as error:
        FORMATS["csv"].read(folder)
    assert str(error.value).startswith(f"{tmp_path / 't.csv'} has no column of part numbers; call it one of part, ")


YOLO = "path: ../datasets/bricks\ntrain: ../train/images\nval: valid/images\nnc: 2\nnames: ['3001', '3003 ']\n"


def test_yolo_as_roboflow_exports_it(tmp_path: Path) -> None:
    folder = write(tmp_path, {
        "data.yaml": YOLO, "train/images/a.jpg": None, "train/labels/a.txt": "1 0.5 0.5 0.2 0.4\n\n0 0.1 0.1 .2 .2\n",
        "train/images/none.jpg": None, "valid/images/b.jpg": None, "valid/labels/b.txt": "0 0.1 0.1 0.5 0.1 0.5 0.6\n",
        "valid/images/bad.jpg": None, "valid/labels/bad.txt": "7 0.1 0.1 0.5 0.1\n",
        "valid/images/worse.jpg": None, "valid/labels/worse.txt": "0 0.1 0.1 0.5\n",
        "valid/images/worst.jpg": None, "valid/labels/worst.txt": "brick\n",
    })  # fmt: skip
    found = read(folder, "yolo")
    assert summary(found) == [
        ("train/images/a.jpg", "train", ("3001", "3003")), ("train/images/none.jpg", "train", ()),
        ("valid/images/b.jpg", "val", ("3001",)),
    ]  # fmt: skip
    assert found.photos[0].frame == (1.0, 1.0)
    assert found.photos[0].objects[0].box_xyxy == pytest.approx((0.4, 0.3, 0.6, 0.7))
    assert found.photos[2].objects[0].polygons == ((0.1, 0.1, 0.5, 0.1, 0.5, 0.6),)
    assert reasons(found) == {
        "valid/images/bad.jpg": "line 1 of valid/labels/bad.txt is of class 7, which data.yaml does not name",
        "valid/images/worse.jpg": "line 1 of valid/labels/worse.txt has 3 numbers behind the class; a box has 4, an "
        "outline 6, 8, 10 and so on",
        "valid/images/worst.jpg": "line 1 of valid/labels/worst.txt holds something else than numbers",
    }


def test_yolo_lists_of_files_and_folders_that_are_no_splits(tmp_path: Path) -> None:
    files: dict[str, str | bytes | None] = {f"images/{name}.jpg": None for name in "abc"}
    lists = {"train.txt": "./images/a.jpg\nimages/b.jpg\n../../etc/passwd\n", "test.txt": "images/b.jpg\n"}
    settings = "train: train.txt\ntest: test.txt\nnames: {0: brick}\n"
    found = read(write(tmp_path / "lists", files | lists | {"data.yaml": settings}), "yolo")
    assert [(file, split) for file, split, _ in summary(found)] == [
        ("images/a.jpg", "train"), ("images/b.jpg", "train"), ("images/b.jpg", "test"),
    ]  # fmt: skip
    assert reasons(found) == {
        "../../etc/passwd": "train.txt names '../../etc/passwd', which leads outside the imported folder"
    }
    settings = "path: .\ntrain: images\nval: images\nnames: [brick]\n"
    found = read(write(tmp_path / "same", files | {"data.yaml": settings}), "yolo")
    assert [split for _, split, _ in summary(found)] == [None] * 3


@pytest.mark.parametrize("place", ["/etc", "/datasets/bricks/images"])
def test_yolo_folders_outside_are_refused(tmp_path: Path, place: str) -> None:
    folder = write(tmp_path, {"data.yaml": f"train: {place}\nnames: [brick]\n", "a.jpg": None})
    with pytest.raises(BrickbenchError) as error:
        FORMATS["yolo"].read(folder)
    assert str(error.value) == (
        f"{tmp_path / 'data.yaml'} names {place!r}, which leads outside the imported folder. "
        "Write it relative to data.yaml."
    )


def test_coco_with_boxes_polygons_and_both_kinds_of_rle(tmp_path: Path) -> None:
    mask = np.zeros((30, 40), dtype=np.uint8, order="F")
    mask[5:10, 20:32] = 1
    compressed = coco.encode(mask)
    plain = {"size": [30, 40], "counts": [605, 5, 595]}
    annotations = [
        {"id": 1, "image_id": 1, "category_id": 4, "bbox": [1, 2, 10, 20], "segmentation": [[1, 2, 11, 2, 11, 22]]},
        {"id": 2, "image_id": 1, "category_id": 9, "bbox": [20, 5, 12, 5],
         "segmentation": {"size": [30, 40], "counts": compressed["counts"].decode()}, "iscrowd": 1},
        {"id": 3, "image_id": 1, "category_id": 9, "segmentation": plain},
        {"id": 4, "image_id": 3, "category_id": 5, "bbox": [1, 2, 3, 4]},
    ]  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": "A b.JPG", "width": 40, "height": 30}]
        + [{"id": 2 + number, "file_name": name}
           for number, name in enumerate(["../../etc/passwd", "c.jpg", "d.jpg", "/etc/passwd"])],
        "categories": [{"id": 4, "name": "3001"}, {"id": 9, "name": " 3003"}], "annotations": annotations,
    }  # fmt: skip
    folder = write(tmp_path, {
        "annotations/instances_val2017.json": json.dumps(content), "val2017/a B.jpg": None, "val2017/c.jpg": None,
        "val2017/d.jpg": None,
    })  # fmt: skip
    found = read(folder, "coco")
    assert summary(found) == [("val2017/a B.jpg", "val", ("3001", "3003")), ("val2017/d.jpg", "val", ())]
    first, second, third = found.photos[0].objects
    assert (first.box_xyxy, first.polygons) == ((1.0, 2.0, 11.0, 22.0), ((1.0, 2.0, 11.0, 2.0, 11.0, 22.0),))
    assert second.rle is not None
    assert np.array_equal(decode_mask(str(second.rle.counts), 30, 40), mask)
    assert third.rle is not None
    assert (third.rle.counts, third.box_xyxy) == ((605, 5, 595), None)
    file = "annotations/instances_val2017.json"
    assert reasons(found) == {
        "../../etc/passwd": f"{file} names '../../etc/passwd', which leads outside the imported folder",
        "/etc/passwd": f"{file} names '/etc/passwd', which leads outside the imported folder",
        "c.jpg": f"{file}: annotation 4 is of category 5, which is not listed",
    }


def test_a_broken_coco_file_is_refused(tmp_path: Path) -> None:
    content = {"images": [{"id": 1}], "annotations": [], "categories": []}
    folder = write(tmp_path, {"a.json": json.dumps(content)})
    assert reasons(FORMATS["coco"].read(folder)) == {"a.json": "image 1 of a.json has no file_name"}
    (tmp_path / "a.json").write_text(json.dumps(content)[:-10])
    with pytest.raises(BrickbenchError, match=r"a\.json is no valid COCO file: it breaks off in line 1, column \d+\. "):
        FORMATS["coco"].read(PhotoFolder(tmp_path))


def voc(name: str, box: tuple[int, ...] = (1, 1, 10, 20)) -> str:
    left, top, right, bottom = box
    return (
        f"<annotation><filename>{name}</filename><path>/home/me/{name}</path><size><width>40</width><height>30</height>"
        f"<depth>3</depth></size><object><name> 3001 </name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object></annotation>"
    )


def test_voc_with_its_image_sets(tmp_path: Path) -> None:
    names = {"a": "a.jpg", "b": "renamed.jpg", "c": "../../../etc/passwd", "d": "gone.jpg"}
    files: dict[str, str | bytes | None] = {f"Annotations/{stem}.xml": voc(name) for stem, name in names.items()}
    files |= {"Annotations/e.xml": voc("a.jpg", (1, 1, 10, 20)).replace("<xmin>1<", "<xmin>one<")}
    files |= {"Annotations/f.xml": "<annotation><object>"}
    lists: dict[str, str | bytes | None] = {"ImageSets/Main/train.txt": "a\n", "ImageSets/Main/test.txt": "b\n"}
    found = read(write(tmp_path, files | lists | {"JPEGImages/a.jpg": None, "JPEGImages/b.png": None}), "voc")
    assert summary(found) == [("JPEGImages/a.jpg", "train", ("3001",)), ("JPEGImages/b.png", "test", ("3001",))]
    assert found.photos[0].objects[0].box_xyxy == (0.0, 0.0, 10.0, 20.0)
    assert found.photos[0].frame == (40.0, 30.0)
    aside = reasons(found)
    assert aside.pop("Annotations/f.xml").startswith("it is no valid XML: ")
    assert aside == {
        "Annotations/c.xml": "Annotations/c.xml names '../../../etc/passwd', which leads outside the imported folder",
        "Annotations/d.xml": "it names 'gone.jpg', which is not there",
        "Annotations/e.xml": "its bndbox/xmin should be a number, it is 'one'",
    }


def labelme(shapes: list[dict[str, object]], **more: object) -> str:
    content = {"version": "5.2.1", "shapes": shapes, "imagePath": "..\\images\\A.png", "imageData": None}
    return json.dumps(content | {"imageWidth": 40, "imageHeight": 30} | more)


def test_labelme_shapes(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(np.full((4, 6), 255, dtype=np.uint8)).save(png, "PNG")
    shapes: list[dict[str, object]] = [
        {"label": "3001", "shape_type": "rectangle", "points": [[12, 20], [2, 10]]},
        {"label": "3003", "shape_type": "polygon", "points": [[1, 2], [5, 2], [5, 9]]},
        {"label": "4032", "shape_type": "circle", "points": [[20, 15], [20, 20]]},
        {"label": "3005", "shape_type": "point", "points": [[3, 3]]},
        {"label": "3010", "shape_type": "mask", "points": [[30, 20], [36, 24]],
         "mask": base64.b64encode(png.getvalue()).decode()},
    ]  # fmt: skip
    found = read(write(tmp_path, {"json/a.json": labelme(shapes), "images/a.png": None}), "labelme")
    (photo,) = found.photos
    assert (photo.file, photo.annotation, photo.frame) == ("images/a.png", "json/a.json", (40.0, 30.0))
    rectangle, polygon, circle, point, mask = photo.objects
    assert rectangle.box_xyxy == (2.0, 10.0, 12.0, 20.0)
    assert polygon.polygons == ((1.0, 2.0, 5.0, 2.0, 5.0, 9.0),)
    x, y = np.array(circle.polygons[0]).reshape(-1, 2).T
    assert np.hypot(x - 20, y - 15) == pytest.approx(5.0)
    assert (point.box_xyxy, point.polygons, point.rle) == (None, (), None)
    assert mask.rle is not None
    expected = np.zeros((30, 40), dtype=bool)
    expected[20:24, 30:36] = True
    assert np.array_equal(decode_mask(str(mask.rle.counts), 30, 40), expected)


def test_labelme_names_outside_count_only_where_the_picture_is_not_inside(tmp_path: Path) -> None:
    shapes: list[dict[str, object]] = [{"label": "3001", "points": [[1, 2], [5, 2], [5, 9]]}]
    folder = write(tmp_path, {
        "a.json": labelme(shapes, imagePath="/etc/passwd"), "b.json": labelme(shapes, imagePath="/x", imageData="AAAA"),
        "c.json": labelme([{"label": "3001", "points": [[1, 2], [3, 4]]}]), "d.json": labelme([{"label": "3001"}]),
    })  # fmt: skip
    found = read(folder, "labelme")
    assert [(photo.file, photo.embedded) for photo in found.photos] == [("b.json", True)]
    assert reasons(found) == {
        "a.json": "a.json names '/etc/passwd', which leads outside the imported folder",
        "c.json": "the outline of its shape 1 (3001) has 2 points; it needs 3 or more",
        "d.json": "its shape 1 (3001) should have points of two numbers each, it has None",
    }


def test_names_are_found_whatever_their_case_and_unicode_form(tmp_path: Path) -> None:
    folder = write(tmp_path, {"Bilder/Gru\u0308n 1.JPG": None, "x/1.jpg": None, "y/1.jpg": None, "x/2.jpg": None})
    assert folder.find(" bilder/gr\u00fcn 1.jpg ", "t.csv") == "Bilder/Gru\u0308n 1.JPG"
    assert folder.find("2.jpg", "t.csv") == "x/2.jpg"
    with pytest.raises(PhotoError, match=r"^t\.csv names '1\.jpg', which is there 2 times$"):
        folder.find("1.jpg", "t.csv")


@pytest.mark.parametrize(
    "name", ["../out.jpg", "/etc/passwd", "C:\\out.jpg", "\\\\server\\out.jpg", "x/../../out.jpg", ".."]
)
def test_names_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "out.jpg").write_bytes(b"secret")
    folder = write(tmp_path / "photos", {"x/out.jpg": None})
    with pytest.raises(PhotoError) as error:
        folder.find(name, "t.csv")
    assert str(error.value) == f"t.csv names {name!r}, which leads outside the imported folder"


def test_links_that_lead_outside_are_refused(tmp_path: Path) -> None:
    (tmp_path / "out.jpg").write_bytes(b"secret")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/a.jpg").symlink_to(tmp_path / "out.jpg")
    (tmp_path / "photos/b").symlink_to(tmp_path)
    folder = write(tmp_path / "photos", {"c.jpg": None, "t.csv": "a.jpg,3001\nc.jpg,3001\nd.jpg,3001\n"})
    (tmp_path / "photos/d.jpg").symlink_to("c.jpg")
    folder = PhotoFolder(tmp_path / "photos")
    found = read(folder, "csv")
    assert [photo.file for photo in found.photos] == ["c.jpg", "d.jpg"]
    assert reasons(found) == {"a.jpg": "t.csv names 'a.jpg', which is a link that leads outside the imported folder"}
    assert [(reason.file, reason.reason) for reason in folder.refused] == [
        ("b", "is a link to a folder: import that folder"),
        ("a.jpg", "is a link that leads outside the imported folder"),
    ]


def test_what_the_system_cannot_read_or_spell_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"3001/a.jpg": None, "locked/b.jpg": None})
    (tmp_path / "3001" / "gr\udcfcn.jpg").write_bytes(b"x")  # Latin-1 bytes
    scandir = os.scandir

    def refuse(path: str) -> Iterator[os.DirEntry[str]]:
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    folder = PhotoFolder(tmp_path)
    assert folder.files == ("3001/a.jpg",)
    assert [(reason.file, reason.reason) for reason in folder.refused] == [
        ("3001/gr\\udcfcn.jpg", "has a name that is no valid UTF-8"), ("locked", "cannot be read: Permission denied"),
    ]  # fmt: skip


def test_annotations_that_would_fill_the_memory_are_refused(tmp_path: Path) -> None:
    deep = "[" * 100_000
    huge = [{"label": "a", "shape_type": "mask", "points": [[0, 0]], "mask": ""}]
    laughs = "a: &a [x, x]\nb: &b [*a, *a]\ntrain: .\nnames: [*b, *b]\n"
    entities = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
        f'<!ENTITY {"abcdefghi"[n + 1]} "{("&" + "abcdefghi"[n] + ";") * 10}">' for n in range(8)
    )
    folder = write(tmp_path, {
        "coco.json": '{"images": "annotations" "categories"' + deep, "lm.json": '{"shapes": 1, "imagePath": ' + deep,
        "b.json": labelme(huge, imageWidth=10**9), "data.yaml": laughs, "a.jpg": None,
        "c.xml": f"{entities}]><annotation><filename>&i;</filename></annotation>",
    })  # fmt: skip
    with pytest.raises(BrickbenchError, match=r"coco\.json is no valid COCO file: "):
        FORMATS["coco"].read(folder)
    aside = reasons(FORMATS["labelme"].read(folder))
    assert aside.pop("b.json") == "it has a mask, but no size that its picture can have"
    assert set(aside) == {"lm.json"}
    assert reasons(FORMATS["voc"].read(folder))["c.xml"].startswith("it is no valid XML: ")
    with pytest.raises(BrickbenchError, match=r"cannot be used: it should hold `names`, the list of class names\.$"):
        FORMATS["yolo"].read(folder)


def test_a_folder_in_no_format_or_in_two_is_told(tmp_path: Path) -> None:
    with pytest.raises(BrickbenchError) as error:
        detect(write(tmp_path / "none", {"a.jpg": None}))
    assert str(error.value) == (
        f"{tmp_path / 'none'} holds no photos in a known format (yolo, coco, voc, cvat, labelme, csv, folders). "
        "For plain pictures write a CSV file with the columns file and part beside them, or put them in one folder per "
        "part."
    )
    folder = write(tmp_path / "two", {"a.jpg": None, "t.csv": "a.jpg,3001\n", "data.yaml": "train: .\nnames: [a]\n"})
    with pytest.raises(BrickbenchError) as error:
        detect(folder)
    assert str(error.value) == (
        f"{tmp_path / 'two'} could be read as yolo or csv. Say which with --format, such as --format yolo."
    )
    assert detect(PhotoFolder(tmp_path / "two/t.csv")) == "csv"
    assert detect(PhotoFolder(tmp_path / "two/data.yaml")) == "yolo"


@needs_shared
def test_the_real_folders_are_read() -> None:
    found = read(PhotoFolder(SHARED / "yolo"), "yolo")
    assert (len(found.photos), found.set_aside, found.left_out) == (240, [], [])
    lines = sum(len(path.read_text().split("\n")) - 1 for path in (SHARED / "yolo/labels").iterdir())
    assert sum(len(photo.objects) for photo in found.photos) == pytest.approx(lines, abs=240)
    found = read(PhotoFolder(SHARED / "labelme"), "labelme")
    assert all(photo.embedded and photo.frame == (800.0, 600.0) for photo in found.photos)
    assert (len(found.photos), len(found.left_out)) == (17, 8)
    assert isinstance(found.photos[0], AnnotatedPhoto)
