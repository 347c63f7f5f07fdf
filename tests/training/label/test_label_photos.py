"""`train predict` on photos: any file out of a phone, thresholds, tables, pictures, lists of wanted parts."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image
from scipy.special import expit

from core.errors import BrickbenchError, SettingsError
from dataset.pile_dataset import PileDataset
from training.commands import train
from training.label.label_photos import FoundPart, LabelledPhoto, label_photos, photo_files
from training.label.labelled_pictures import draw_labelled, picture_paths
from training.label.parts_list import WantedPart, answer_list, near_parts, read_parts_list
from training.run.checkpoint import Thresholds, load_checkpoint
from training.run.run import Run
from training.validation.thresholds import save_thresholds

CLASSES = ("3003", "3010", "4032")
PHOTOS = Path(__file__).resolve().parents[3].parent / "shared" / "photos"


@pytest.fixture
def run(own_trained: Path) -> Path:
    return own_trained / "runs" / "toy"


@pytest.fixture
def photos(own_trained: Path, tmp_path: Path) -> Path:
    """Return a folder of one picture stored upright, turned with EXIF, large, and two that cannot be read."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    picture = Image.fromarray(PileDataset(own_trained, None).image(0))
    picture.save(folder / "a.png")
    turned = Image.Exif()
    turned[274] = 6
    picture.rotate(90, expand=True).save(folder / "b.png", exif=turned)
    picture.resize((3000, 3000), Image.Resampling.NEAREST).save(folder / "more" / "c.png")
    (folder / "d.jpg").write_bytes(b"")
    (folder / "e.jpg").write_bytes(b"not a picture")
    (folder / "notes.txt").write_text("no photo")
    return folder


def invoke(*words: object) -> Result:
    return CliRunner().invoke(train, ["predict", *map(str, words), "--device", "cpu"])


def test_every_photo_gets_the_logits_of_the_picture_that_it_shows(own_trained: Path, run: Path, photos: Path) -> None:
    done = invoke(run, photos / "a.png", photos / "b.png", "--min-probability", 0, "--json")
    assert done.exit_code == 0, done.output
    checkpoint = load_checkpoint(run)
    with torch.inference_mode():
        logits = checkpoint.model(checkpoint.network_input(PileDataset(own_trained, None).image(0))[None])[0]
    expected = dict(zip(CLASSES, expit(logits.double().numpy()), strict=True))
    upright, turned = json.loads(done.stdout)["photos"]
    assert {part["part_id"]: part["probability"] for part in upright["parts"]} == pytest.approx(expected, abs=1e-5)
    assert upright["parts"] == sorted(upright["parts"], key=lambda part: -part["probability"])
    assert turned["parts"] == upright["parts"]
    assert {part["name"] for part in upright["parts"]} == {"Brick 2 x 2", "Brick 1 x 4", "Plate 2 x 2 Round"}


def test_one_that_cannot_be_read_is_named_and_the_others_are_labelled(run: Path, photos: Path) -> None:
    done = invoke(run, photos, "--min-probability", 0, "--top", 1, "--json")
    assert isinstance(done.exception, BrickbenchError)
    assert done.exception.exit_code == 1
    assert str(done.exception) == "2 photos of 5 could not be read: mend or remove what is named above."
    assert f"{photos}/d.jpg: is empty\n" in done.stderr
    found = {Path(each["photo"]).name: each for each in json.loads(done.stdout)["photos"]}
    assert list(found) == ["a.png", "b.png", "d.jpg", "e.jpg", "c.png"]
    assert [len(found[name]["parts"]) for name in ("a.png", "b.png", "c.png", "d.jpg", "e.jpg")] == [1, 1, 1, 0, 0]
    assert found["e.jpg"]["problem"].startswith("is no picture of a kind that can be read")


def test_thresholds_that_were_chosen_decide(run: Path, photos: Path) -> None:
    checkpoint = load_checkpoint(run)
    assert checkpoint.thresholds.tolist() == [0.0, 0.0, 0.0]
    chosen = (-50.0, 50.0, float(np.log(3)))
    save_thresholds(Run.open(run), checkpoint.name, Thresholds(split="val", pictures=9, logits=chosen))
    checkpoint = load_checkpoint(run)
    (photo,) = label_photos(
        checkpoint, [photos / "a.png"], torch.device("cpu"), thresholds=checkpoint.thresholds, names={}
    )
    by_id = {part.part_id: part for part in photo.parts}
    assert by_id["3003"].is_found
    assert not by_id["3010"].is_found
    assert by_id["4032"].threshold == pytest.approx(0.75)
    assert by_id["4032"].is_found == (by_id["4032"].probability > 0.75)
    done = invoke(run, photos / "a.png", "--json")
    assert "3003" in [part["part_id"] for part in json.loads(done.stdout)["photos"][0]["parts"]]


def test_turned_views_are_averaged(run: Path, photos: Path) -> None:
    checkpoint = load_checkpoint(run)
    everything = np.full(3, -np.inf)

    def logits(turns: int) -> dict[str, float]:
        (photo,) = label_photos(
            checkpoint, [photos / "a.png"], torch.device("cpu"), thresholds=everything, names={}, turns=turns
        )
        assert all(part.is_found for part in photo.parts)
        return {part.part_id: float(np.log(part.probability / (1 - part.probability))) for part in photo.parts}

    picture = checkpoint.network_input(np.asarray(Image.open(photos / "a.png")))
    with torch.inference_mode():
        half = checkpoint.model(torch.stack([picture, picture.flip(1, 2)])).mean(0)
    assert logits(2) == pytest.approx(dict(zip(CLASSES, half.tolist(), strict=True)), abs=1e-4)
    assert logits(4) != logits(1)


def test_pictures_with_names_and_csv_are_never_overwritten_unasked(run: Path, photos: Path, tmp_path: Path) -> None:
    table, named = tmp_path / "out.csv", tmp_path / "named"
    words = [run, photos / "a.png", photos / "more", "--min-probability", 0, "-o", named, "--csv", table]
    done = invoke(*words)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in named.iterdir()) == ["a-parts.jpg", "c-parts.jpg"]
    with Image.open(named / "c-parts.jpg") as picture:
        assert picture.size == (1000 + 400, 1000)
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert list(rows[0]) == ["photo", "part_id", "name", "probability", "threshold"]
    assert [Path(row["photo"]).name for row in rows] == ["a.png"] * 3 + ["c.png"] * 3
    again = invoke(*words)
    assert isinstance(again.exception, BrickbenchError)
    assert str(again.exception).startswith(f"{named}/a-parts.jpg is there already")
    assert "--force" in str(again.exception)
    only_table = invoke(run, photos / "a.png", "--csv", table)
    assert str(only_table.exception).startswith(f"{table} is there already")
    assert "--force" in str(only_table.exception)
    assert invoke(*words, "--force").exit_code == 0


def test_labelled_photos_that_cannot_all_be_written_leave_none(run: Path, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "named" / "c-parts.jpg" / "mine").mkdir(parents=True)  # a folder that no file can take the place of
    words = [run, photos / "a.png", photos / "more", "-o", tmp_path / "named"]
    failed = invoke(*words, "--force")
    assert failed.exit_code != 0
    assert [path.name for path in (tmp_path / "named").iterdir()] == ["c-parts.jpg"]
    shutil.rmtree(tmp_path / "named" / "c-parts.jpg")
    assert invoke(*words).exit_code == 0


def test_pictures_of_photos_with_equal_names_are_numbered_and_no_photo_is_overwritten(tmp_path: Path) -> None:
    files = [Path("one/a.jpg"), Path("two/a.jpg"), Path("a.png")]
    places = picture_paths(files, tmp_path, force=False)
    assert [place.name for place in places.values()] == ["a-parts.jpg", "a-parts-2.jpg", "a-parts-3.jpg"]
    photo = tmp_path / "a-parts.jpg"
    with pytest.raises(SettingsError, match=rf"^{photo} is one of the photos: choose another folder with -o\.$"):
        picture_paths([tmp_path / "a.jpg", photo], tmp_path, force=True)


def test_a_panel_has_room_for_every_part() -> None:
    parts = [
        FoundPart(f"{n}", f"A part with quite a long name, number {n}, and more", 0.5, 0.5, True) for n in range(40)
    ]
    sheet = np.asarray(draw_labelled(Image.new("RGB", (100, 50), "red"), "title", parts))
    assert sheet.shape == (80 + 40 * 48 + 24, 480 + 400, 3)
    assert sheet[10, 10].tolist() == [255, 0, 0]
    assert (sheet[:, 480 + 376 + 1 :] == 255).all()  # nothing runs over the edge
    assert (sheet[-60:, 480:] != 255).any()  # the last row is drawn
    nothing = draw_labelled(Image.new("RGB", (2000, 700)), "title", [])
    assert nothing.size == (2400, 700)


def test_what_photos_are_meant(photos: Path, tmp_path: Path) -> None:
    files, refused = photo_files([photos / "more", photos / "more" / "c.png", photos / "a.png"])
    assert [path.name for path in files] == ["c.png", "a.png"]
    assert refused == []
    (photos / "link.png").symlink_to("/etc/hostname")
    assert [(each.path.name, each.problem) for each in photo_files([photos])[1]] == [
        ("link.png", "is a link that leads outside the imported folder")
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match=r"^The folder .*/empty has no pictures in it: give photos, or a folder of"):
        photo_files([tmp_path / "empty"])
    with pytest.raises(SettingsError, match=r"^There is no photo .*/gone\.jpg: check the path\.$"):
        photo_files([tmp_path / "gone.jpg"])


def test_an_older_checkpoint_alone_names_parts_by_number(run: Path, photos: Path, tmp_path: Path) -> None:
    for path in (run / "checkpoints").glob("epoch_0001.*"):
        shutil.copy(path, tmp_path)
    values = json.loads((tmp_path / "epoch_0001.json").read_text())
    del values["part_names"], values["thresholds"]
    (tmp_path / "epoch_0001.json").write_text(json.dumps(values))
    done = invoke(tmp_path / "epoch_0001.safetensors", photos / "a.png", "--min-probability", 0, "--json")
    parts = json.loads(done.stdout)["photos"][0]["parts"]
    assert {part["name"] for part in parts} == {None}
    named = invoke(
        tmp_path / "epoch_0001.safetensors", photos / "a.png", "-d", run.parent.parent, "--min-probability", 0
    )
    assert "Plate 2 x 2 Round" in named.stdout


def test_words_that_do_not_go_together(run: Path, photos: Path) -> None:
    one = invoke(run, "--top", 2)
    assert str(one.exception) == "--top is for photos: give photos, or leave it out."
    two = invoke(run, photos, "--split", "val")
    assert str(two.exception) == "--split and photos exclude each other: give one of them."
    weights = run / "checkpoints/epoch_0001.safetensors"
    three = invoke(weights)
    assert str(three.exception) == (
        f"A split is predicted by a run: give its folder instead of {weights}, or give photos."
    )


BRICKLINK = """<INVENTORY>
<ITEM><ITEMTYPE>P</ITEMTYPE><ITEMID>3003</ITEMID><COLOR>5</COLOR><MINQTY>4</MINQTY></ITEM>
<ITEM><ITEMTYPE>S</ITEMTYPE><ITEMID>6080-1</ITEMID></ITEM>
<ITEM><ITEMID> 4032 </ITEMID></ITEM>
</INVENTORY>
"""
LISTS: dict[str, tuple[str, list[tuple[str, int | None]]]] = {
    "lines": ("# mine\n3003\n\n3010 4\n4032, 2 # round\n3062b x3\n3003 1\n", [
        ("3003", 1), ("3010", 4), ("4032", 2), ("3062b", 3),
    ]),
    "rebrickable": ("Part,Color,Quantity,Is Spare\n3003,4,2,False\n3010,1,3,False\n3003,1,5,False\n", [
        ("3003", 7), ("3010", 3),
    ]),
    "inventory": ("inventory_id,part_num,color_id,quantity\n1,3003,4,2\n", [("3003", 2)]),
    "semicolons": ("\ufeffpart;name\r\n3003;Brick, 2 x 2\r\n;\r\n3010\r\n", [("3003", None), ("3010", None)]),
    "bricklink": (BRICKLINK, [("3003", 4), ("4032", None)]),
}  # fmt: skip


@pytest.mark.parametrize("kind", LISTS)
def test_every_kind_of_parts_list(tmp_path: Path, kind: str) -> None:
    text, expected = LISTS[kind]
    path = tmp_path / "list"
    path.write_bytes(text.encode())
    assert [(part.part_id, part.count) for part in read_parts_list(path)] == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff\xfe3", "is not UTF-8 text (line 1"),
        (b"# none\n", "has no part in it. Give a text file"),
        (b"<a><b></a>", "is damaged XML (mismatched tag: line 1, column 8). Give"),
        (
            b"3003\nthe red one, please!\n",
            "Line 2 of {path} should read PART or PART COUNT, got 'the red one, please!'.",
        ),
    ],
)
def test_what_is_no_parts_list(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "list"
    path.write_bytes(data)
    with pytest.raises(SettingsError) as caught:
        read_parts_list(path)
    assert message.format(path=path) in str(caught.value)


def test_what_is_there_what_is_missing_and_what_nobody_knows() -> None:
    def photo(name: str, *probabilities: float) -> LabelledPhoto:
        parts = [
            FoundPart(part_id, "", value, 0.5, value > 0.5)
            for part_id, value in zip(CLASSES, probabilities, strict=True)
        ]
        return LabelledPhoto(Path(name), tuple(parts))

    photos = [photo("a", 0.9, 0.2, 0.6), photo("b", 0.7, 0.4, 0.1), LabelledPhoto(Path("c"), (), "is empty")]
    wanted = [WantedPart("3010", 2), WantedPart("3003"), WantedPart("4032A")]
    answers = [answer.as_row() for answer in answer_list(wanted, photos, CLASSES, {"3003": "Brick 2 x 2"})]
    keys = ("part_id", "name", "wanted", "status", "photos", "probability", "best_photo", "near")
    assert [tuple(answer[key] for key in keys) for answer in answers] == [
        ("3010", None, 2, "missing", 0, 0.4, "b", None),
        ("3003", "Brick 2 x 2", None, "found", 2, 0.9, "a", None),
        ("4032A", None, None, "unknown", 0, None, None, "4032"),
    ]
    assert near_parts("3062", ["3062b", "3063", "9999"]) == ("3062b", "3063")
    assert near_parts("3001pr0042", ["3001", "3002"]) == ("3001",)
    assert near_parts("minifig", ["3001"]) == ()


def test_a_parts_list_on_the_command_line(run: Path, photos: Path, tmp_path: Path) -> None:
    path = tmp_path / "wanted.txt"
    path.write_text("3003 2\n3001\n")
    done = invoke(run, photos / "a.png", "--parts-list", path, "--min-probability", 0)
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == [
        "part_id", "name", "wanted", "status", "photos", "probability", "best_photo", "near",
    ]  # fmt: skip
    assert lines[2].startswith("3003       Brick 2 x 2         2  found")
    assert "unknown" in lines[3]
    as_json = invoke(run, photos / "a.png", "--parts-list", path, "--json")
    assert [row["status"] for row in json.loads(as_json.stdout)["parts_list"]][1] == "unknown"


@pytest.mark.skipif(not PHOTOS.is_dir(), reason=f"{PHOTOS}, with real photos, is not here")
def test_real_photos(run: Path, tmp_path: Path, make_toy: Callable[..., Path]) -> None:
    files = sorted((PHOTOS / "labelme").glob("*.jpg"))
    done = invoke(run, *files, "--min-probability", 0, "-o", tmp_path / "named", "--json")
    assert done.exit_code == 0, done.output
    assert len(json.loads(done.stdout)["photos"]) == len(files)
    drawn = cv2.imread(str(tmp_path / "named" / f"{files[0].stem}-parts.jpg"))
    assert drawn is not None
    assert drawn.shape[1] == cv2.imread(str(files[0])).shape[1] + 400
