"""Studies from a run's maps: whole or not there, blind, the same each time, and never over what people gave."""

import csv
import json
import math
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from core.files import sha256_hex
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from evaluation.study.build.folder import Built, build_study
from evaluation.study.build.preregistration import PREREGISTRATION
from evaluation.study.build.selection import Candidate, Candidates, choose_items, find_candidates, has_empty_map
from evaluation.study.commands.build import build as build_command
from evaluation.study.key import KEY, PUBLIC, read_key
from evaluation.study.settings import StudySettings, read_settings
from explain.bulk import explain_run
from training.run.predict import predict
from training.run.run import Run

SMALL = StudySettings(items=4, participants=4, repeats=1, swaps=1, attention=1, picture_px=96, empty_maps=True)


@pytest.fixture(scope="module")
def explained(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset whose run has predictions and maps of the test split: read it, never write into it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("explained") / "dataset"))
    run = root / "runs" / "toy"
    predict(Run.open(run, root), device="cpu")
    methods: dict[str, dict[str, object]] = {"gradcam": {}, "lime": {"num_samples": 12}, "random": {}}
    explain_run(Run.open(run, root), methods, device="cpu")
    return root


def run_of(explained: Path) -> Run:
    return Run.open(explained / "runs" / "toy", explained)


def make(explained: Path, study: Path, settings: StudySettings = SMALL, **options: object) -> Built:
    return build_study(run_of(explained), study, settings, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def study(explained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study: read it, never write into it."""
    return make(explained, tmp_path_factory.mktemp("built") / "study").study


def test_a_study_is_whole(explained: Path, study: Path) -> None:
    key = read_key(study)
    assert read_settings(study) == SMALL
    assert [item.item_id for item in key.items] == ["i001", "i002", "i003", "i004", "a01"]
    assert len(key.sheets) == SMALL.participants
    assert {len(sheet.trials) for sheet in key.sheets} == {SMALL.trials}
    files = [name for item in key.items for name in (item.picture, *item.explanations.values())]
    assert sorted(files) == sorted(path.name for path in (study / PUBLIC).iterdir())
    with open_index(explained) as index:
        pile_of = dict(index.execute("SELECT image_id, group_id FROM images").fetchall())
    assert len({pile_of[item.image_id] for item in key.items}) == 5  # the check has a pile of its own too


def test_items_know_what_the_network_said(explained: Path, study: Path) -> None:
    (predictions,) = (explained / "runs" / "toy" / "predictions").glob("*.parquet")
    rows = pq.read_table(predictions).to_pylist()
    logit_of = {(row["image_id"], row["part_id"]): row["logit"] for row in rows}
    pictures = PileDataset(explained, "test")
    for item in read_key(study).items[:4]:
        logit = logit_of[item.image_id, item.part_id]
        targets = pictures.targets[pictures.image_ids.index(item.image_id)]
        assert item.is_right == ((logit > 0) == bool(targets[pictures.classes.index(item.part_id)]))
        assert item.confidence == pytest.approx(max(1 / (1 + math.exp(-logit)), 1 / (1 + math.exp(logit))))


def test_what_participants_may_see_tells_nothing(explained: Path, study: Path) -> None:
    key = read_key(study)
    with open_index(explained) as index:
        known = [row[0] for row in index.execute("SELECT image_id FROM images").fetchall()]
    words = [*known, *key.methods, key.study_id, "decoy", "target", "random", "brickbench"]
    words += [identity for item in key.items for identity in item.attribution_ids.values()]
    paths = sorted((study / PUBLIC).iterdir())
    for path in paths:
        for word in words:
            assert word not in path.name
            assert word.encode() not in path.read_bytes()
    assert len({path.stat().st_size for path in paths}) == len({path.stat().st_mtime for path in paths}) == 1
    trials = [trial.trial_id for sheet in key.sheets for trial in sheet.trials]
    assert {len(trial_id) for trial_id in trials} == {16}
    assert all(int(trial_id, 16) >= 0 for trial_id in trials)


def test_the_same_seed_gives_the_same_bytes_and_another_one_other_names(
    explained: Path, study: Path, tmp_path: Path
) -> None:
    make(explained, tmp_path / "again")
    other = make(explained, tmp_path / "other", SMALL.model_copy(update={"seed": 1}))
    for path in study.rglob("*"):
        twin = tmp_path / "again" / path.relative_to(study)
        assert path.is_dir() or twin.read_bytes() == path.read_bytes()
    names = {path.name for path in (study / PUBLIC).iterdir()}
    assert not names & {path.name for path in (other.study / PUBLIC).iterdir()}


def test_a_second_run_does_nothing(explained: Path, study: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in study.rglob("*")}
    built = make(explained, study)
    assert not built.is_new
    assert {path: path.stat().st_mtime_ns for path in study.rglob("*")} == before


def test_another_study_is_replaced_by_force_only(explained: Path, study: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(study, tmp_path / "study"))
    more = SMALL.model_copy(update={"participants": 6})
    with pytest.raises(BrickbenchError, match=r"differs \(participants is 4, not 6\).* -o, .* --force"):
        make(explained, own, more)
    assert make(explained, own, more, force=True).sheets == 6
    assert [path.name for path in tmp_path.iterdir()] == ["study"]


@pytest.mark.parametrize("name", ["answers.sqlite", "participants.csv"])
def test_what_people_gave_is_never_replaced(explained: Path, study: Path, tmp_path: Path, name: str) -> None:
    own = Path(shutil.copytree(study, tmp_path / "study"))
    (own / name).write_bytes(b"kept")
    assert not make(explained, own, force=True).is_new
    with pytest.raises(BrickbenchError, match=rf"\(seed is 0, not 5\) and has {name}, .* another folder with -o"):
        make(explained, own, SMALL.model_copy(update={"seed": 5}), force=True)


def test_damage_is_seen(explained: Path, study: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(study, tmp_path / "study"))
    next((own / PUBLIC).iterdir()).write_bytes(b"")
    (own / KEY).write_text((own / KEY).read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(BrickbenchError, match=r"differs \(key.json was changed; pictures in public are missing"):
        make(explained, own)
    assert make(explained, own, force=True).key_sha256 == sha256_hex((study / KEY).read_bytes())


def test_a_folder_of_something_else_is_left_alone(explained: Path, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "a.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(BrickbenchError, match="letters is there and is no study: choose another folder"):
        make(explained, tmp_path / "letters", force=True)
    assert (tmp_path / "letters" / "a.txt").read_text(encoding="utf-8") == "mine"


def test_a_kill_in_the_middle_leaves_what_was_there(
    explained: Path, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Path(shutil.copytree(study, tmp_path / "study"))
    (tmp_path / ".fresh.tmp" / "host-77").mkdir(parents=True)  # as of a process that was killed hard

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("evaluation.study.build.folder.write_key", stop)
        for folder in (tmp_path / "fresh", own):
            with pytest.raises(KeyboardInterrupt):
                make(explained, folder, SMALL.model_copy(update={"seed": 3}), force=True)
    assert not (tmp_path / "fresh").exists()
    assert not make(explained, own).is_new
    make(explained, tmp_path / "fresh")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "study"]


def test_a_list_names_the_items(explained: Path, study: Path, tmp_path: Path) -> None:
    pairs = [(item.image_id, item.part_id) for item in read_key(study).items[:3]][::-1]
    path = tmp_path / "items.csv"
    path.write_text("part_id,image_id,why\n" + "".join(f"{part},{image},x\n" for image, part in pairs), "utf-8")
    built = make(explained, tmp_path / "study", listed=path)
    items = read_key(built.study).items
    assert [(item.image_id, item.part_id) for item in items[:-1]] == pairs
    assert "named by a list" in (built.study / PREREGISTRATION).read_text(encoding="utf-8")
    first = pairs[0]
    path.write_text(f"image_id,part_id\n{first[0]},{first[1]}\nnowhere,3003\n{first[0]},{first[1]}\n", "utf-8")
    with pytest.raises(BrickbenchError, match=r"row 3: no maps .* '3003' in picture 'nowhere'; row 4: the same pile"):
        make(explained, tmp_path / "other", listed=path)
    path.write_text("image,part_id\n1,2\n", "utf-8")
    with pytest.raises(BrickbenchError, match="columns image_id and part_id, and rows; it has image, part_id"):
        make(explained, tmp_path / "other", listed=path)


def test_what_is_lacking_is_said_with_the_way_out(explained: Path, tmp_path: Path) -> None:
    run = explained / "runs" / "toy"
    twice = f"lime-{lime_digest(explained)}"
    explain = f"`brickbench explain run {run} --split"
    cases: list[tuple[type[BrickbenchError], dict[str, object], tuple[str, ...]]] = [
        (
            BrickbenchError,
            {"split": "val"},
            ("no map by toy", "of the split val", f"{explain} val"),
        ),
        (SettingsError, {"methods": ("gradcam", "randon")}, ("did you mean 'random'?", f"{explain} test --methods")),
        (BrickbenchError, {"items": 50}, ("50 different piles", "are there of 6 piles", "--items 6")),
        (SettingsError, {"methods": ("lime", twice)}, (f"lime and {twice} are the same maps", "with --methods")),
    ]
    for kind, changes, parts in cases:
        with pytest.raises(kind) as raised:
            make(explained, tmp_path / "study", SMALL.model_copy(update=changes))
        assert all(part in str(raised.value) for part in parts), raised.value
    with pytest.raises(SettingsError, match=r"no maps of checkpoint 'epoch_0009' \(did you mean 'epoch_0001'\?\)"):
        make(explained, tmp_path / "study", checkpoint="epoch_0009")
    with pytest.raises(BrickbenchError, match=r"^50 attention checks should be drawn; of the 6 pictures .* set"):
        make(explained, tmp_path / "study", SMALL.model_copy(update={"attention": 50}))
    assert list(tmp_path.iterdir()) == []


def lime_digest(explained: Path) -> str:
    (folder,) = (explained / "runs" / "toy" / "attributions").glob("lime-*")
    return folder.name.removeprefix("lime-")[:6]


def test_choice_is_even_over_strata() -> None:
    there = tuple(
        Candidate(f"p{pile}_{part}", part, f"pile{pile}", {}, is_right=pile % 5 > 0, confidence=0.5 + pile / 200)
        for pile in range(60)
        for part in ("a", "b", "c")
    )
    settings = StudySettings(items=12, repeats=0, swaps=0)
    chosen = choose_items(Candidates("epoch_0001", there), settings).items
    assert len({one.group_id for one in chosen}) == 12
    assert sum(bool(one.is_right) for one in chosen) == 6  # of which four fifths of the candidates are
    assert sorted(one.part_id for one in chosen) == sorted("abc" * 4)
    assert abs(sum((one.confidence or 0) > 0.6475 for one in chosen) - 6) <= 1
    assert choose_items(Candidates("epoch_0001", there), settings).items == chosen
    other = choose_items(Candidates("epoch_0001", there), settings.model_copy(update={"seed": 1}))
    assert other.items != chosen


def test_empty_maps_are_passed_over_and_counted() -> None:
    there = tuple(Candidate(f"p{pile}", "a", f"pile{pile}", {}, is_right=True, confidence=0.9) for pile in range(10))
    settings = StudySettings(items=4, repeats=0, swaps=0)
    candidates = Candidates("epoch_0001", there)
    asked: list[str] = []

    def is_empty(one: Candidate) -> bool:
        asked.append(one.image_id)
        return one.image_id in {"p0", "p1", "p2", "p3", "p4"}

    choice = choose_items(candidates, settings, is_empty)
    assert {one.image_id for one in choice.items} < {"p5", "p6", "p7", "p8", "p9"}
    assert choice.passed_over == len(asked) - 4 > 0
    with pytest.raises(BrickbenchError, match=r"of 5 piles .* besides 5 pairs with an empty map\. .* --items 5"):
        choose_items(candidates, settings.model_copy(update={"items": 6}), is_empty)


def test_an_empty_map_has_nothing_for_the_part(explained: Path) -> None:
    run = run_of(explained)
    for one in find_candidates(run, SMALL).pairs:
        stored = [np.load(run.folder / row.file)[row.row] for row in one.maps.values()]
        assert has_empty_map(run, one) == any((values <= 0).all() for values in stored)


def test_the_sheet_holds_what_is_fixed_beforehand(explained: Path, study: Path, tmp_path: Path) -> None:
    text = (study / PREREGISTRATION).read_text(encoding="utf-8")
    assert sha256_hex((study / KEY).read_bytes()) in text
    assert "{" not in text
    assert "Not computed" in text
    built = make(
        explained,
        tmp_path / "study",
        SMALL.model_copy(update={"methods": ("gradcam", "lime", "random"), "attention": 0, "stratify": ()}),
        power_simulations=2,
    )
    text = (built.study / PREREGISTRATION).read_text(encoding="utf-8")
    assert "| 0.80 |" in text
    assert "Share of 2 simulated studies with 4 participants and 4 items, 1 trial a person (those of one pair" in text
    assert "Bradley and Terry" in text
    assert "no attention checks" in text


def test_the_command_prints_what_was_made(explained: Path, tmp_path: Path) -> None:
    settings = tmp_path / "settings.yaml"
    SMALL.save(settings)
    arguments = [str(explained / "runs" / "toy"), "-o", str(tmp_path / "study"), "--settings", str(settings)]
    arguments += ["--items", "3", "--participants", "2", "--power-simulations", "0"]
    made = CliRunner().invoke(build_command, [*arguments, "--json"])
    assert made.exit_code == 0, made.output
    found = json.loads(made.stdout)
    assert (found["items"], found["sheets"], found["trials"], found["pictures"], found["is_new"]) == (3, 2, 6, 12, True)
    again = CliRunner().invoke(build_command, arguments)
    assert "study was there already, and is whole: 3 items, 2 sheets of 6 trials, 12 pictures of " in again.stdout
    assert found["key_sha256"] in again.stdout
    with (tmp_path / "items.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow(["image_id", "part_id"])
    wrong = CliRunner().invoke(build_command, [*arguments, "--list", str(tmp_path / "items.csv")])
    assert isinstance(wrong.exception, SettingsError)
    assert "leave one of the two out" in str(wrong.exception)
