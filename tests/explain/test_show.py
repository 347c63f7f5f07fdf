"""`explain show` and `explain sheet`: which maps they take and make, what they refuse, and what they write."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from matplotlib.image import imread

from core.errors import BrickbenchError, SettingsError
from dataset.dataset_folder import DatasetFolder
from dataset.pile_dataset import PileDataset
from explain.bulk import explain_run
from explain.cam.layers import default_layer
from explain.collect import MapCollector
from explain.commands import explain
from explain.figures import draw_figure, draw_sheet, explained_pictures, spread_pictures
from explain.methods import METHODS, create_method
from explain.store import load_maps, read_attributions
from explain.strongest import Strongest
from training.run.checkpoint import load_checkpoint
from training.run.run import Run


@pytest.fixture(scope="module")
def explained(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset whose run has two methods' maps of one test picture."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("explained") / "dataset"))
    explain_run(Run.open(root / "runs" / "toy", root), {"gradcam": {}, "edges": {}}, limit=1, device="cpu")
    return root


def _run(*words: object, error: bool = False) -> Result:
    done = CliRunner().invoke(explain, [str(word) for word in words], catch_exceptions=error)
    assert done.exit_code == 0, done.output
    return done


def test_stored_maps_are_taken_as_they_are(explained: Path) -> None:
    run = explained / "runs" / "toy"
    rows = read_attributions(run)
    shown = MapCollector(Run.open(run, explained)).explained(rows[0].image_id)
    assert not any(one.is_new for one in shown.maps)
    assert {(one.method, one.part_id) for one in shown.maps} == {(row.method, row.part_id) for row in rows}
    for row, values in zip(rows, load_maps(run, rows), strict=True):
        (found,) = (one for one in shown.maps if (one.method, one.part_id) == (row.method, row.part_id))
        np.testing.assert_array_equal(found.values, values)


def test_what_the_run_lacks_is_made_and_not_kept(explained: Path) -> None:
    run = explained / "runs" / "toy"
    row = read_attributions(run)[0]
    shown = MapCollector(Run.open(run, explained), {"gradcam": {}, "saliency": {}, "oracle": {}}).explained(
        row.image_id, [row.part_id]
    )
    assert [(one.method, one.is_new) for one in shown.maps] == [
        ("gradcam", False),
        ("saliency", True),
        ("oracle", True),
    ]
    network = load_checkpoint(run)
    image = network.network_input(shown.picture)[None]
    index = network.classes.index(row.part_id)
    expected = create_method("saliency", network.model).attribute(image, [[index]])[0][0]
    np.testing.assert_array_equal(shown.maps[1].values, expected)
    np.testing.assert_array_equal(shown.maps[2].values, shown.masks[row.part_id])
    assert shown.logits[row.part_id] == pytest.approx(network.model(image)[0, index].item(), abs=1e-5)
    assert {one.method for one in read_attributions(run)} == {"gradcam", "edges"}


def test_other_settings_are_other_maps(explained: Path) -> None:
    run = explained / "runs" / "toy"
    image_id = read_attributions(run)[0].image_id
    chosen = default_layer(load_checkpoint(run).model, 64).name
    same = MapCollector(Run.open(run, explained), {"gradcam": {"layer": chosen}}).explained(image_id)
    other = MapCollector(Run.open(run, explained), {"gradcam": {"layer": "act5"}}).explained(image_id)
    assert chosen != "act5"
    assert not any(one.is_new for one in same.maps)
    assert all(one.is_new for one in other.maps)
    assert other.maps[0].values.shape != same.maps[0].values.shape


def test_parts_are_those_in_the_picture_where_none_was_explained(explained: Path) -> None:
    pictures = PileDataset(explained, "train")
    place = int(np.flatnonzero(pictures.targets.sum(axis=1) == 2)[0])
    shown = MapCollector(Run.open(explained / "runs" / "toy", explained), {"uniform": {}}).explained(
        pictures.image_ids[place]
    )
    assert shown.parts == [part for part, there in zip(pictures.classes, pictures.targets[place], strict=True) if there]


def test_what_is_not_there_is_told(explained: Path) -> None:
    run = explained / "runs" / "toy"
    bare = PileDataset(explained, "train").image_ids[0]
    image_id = read_attributions(run)[0].image_id
    with pytest.raises(BrickbenchError) as error:
        MapCollector(Run.open(run, explained)).explained(bare)
    assert str(error.value) == (
        f"{run} has no map of {bare}: make them with `brickbench explain run {run}`, "
        "or name --methods to make them now."
    )
    with pytest.raises(
        SettingsError, match=rf"^There is no picture '{image_id}x' in .* \(did you mean '{image_id}'\?\)\.$"
    ):
        MapCollector(Run.open(run, explained)).explained(f"{image_id}x")
    with pytest.raises(SettingsError, match=r"^The network has no class '30033' \(did you mean '3003'\?\)\.$"):
        MapCollector(Run.open(run, explained), {"uniform": {}}).explained(image_id, ["30033"])
    with pytest.raises(SettingsError, match=r"^There is no method 'gradcan' \(did you mean 'gradcam'\?\)"):
        MapCollector(Run.open(run, explained), {"gradcan": {}})
    with pytest.raises(SettingsError, match=r"has no checkpoint 'epoch_0099'"):
        MapCollector(Run.open(run, explained), checkpoint="epoch_0099")


def test_panels_wrap_and_every_map_has_its_bar(explained: Path) -> None:
    run = explained / "runs" / "toy"
    row = read_attributions(run)[0]
    names = {name: {} for name in ("gradcam", "hirescam", "saliency", "random", "edges", "uniform", "oracle")}
    figure = draw_figure(MapCollector(Run.open(run, explained), names).explained(row.image_id, [row.part_id]))
    assert len(figure.axes) == 12
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert titles[1:8] == [METHODS[name].title for name in names]
    assert [len(panel.child_axes) for panel in figure.axes] == [0, *[1] * 7, *[0] * 4]
    ends = [text.get_text() for text in figure.axes[3].child_axes[0].get_xticklabels()]
    assert ends[-1].startswith("≥ ")
    assert ends[-1].endswith(" logit/unit")


def test_commands_write_pictures(explained: Path, tmp_path: Path) -> None:
    run = explained / "runs" / "toy"
    image_id = read_attributions(run)[0].image_id
    plain, strong = tmp_path / "plain.png", tmp_path / "strong.png"
    done = _run("show", run, image_id, "-d", explained, "-o", plain)
    assert done.stdout.startswith(f"{plain}: ")
    assert done.stderr == ""
    done = _run("show", run, image_id, "-d", explained, "-o", strong, "--methods", "gradcam,kernel_shap",
                "--set", "kernel_shap.num_samples=200", "--top", "3", "--device", "cpu")  # fmt: skip
    assert done.stderr == f"Made now and not kept: kernel_shap. `brickbench explain run {run}` makes maps that stay.\n"
    assert imread(plain).shape[1] == imread(strong).shape[1]
    again = tmp_path / "again.png"
    _run("show", run, image_id, "-d", explained, "-o", again)
    assert again.read_bytes() == plain.read_bytes()
    with pytest.raises(BrickbenchError, match=r"is there already: .* -o, or give --force"):
        _run("show", run, image_id, "-d", explained, "-o", plain)
    with pytest.raises(
        SettingsError, match=r"^The file x\.jpg should end with \.png or \.html: choose another one with -o\.$"
    ):
        _run("show", run, image_id, "-d", explained, "-o", tmp_path / "x.jpg")
    with pytest.raises(SettingsError, match=r"^--set needs --methods: name the methods that it is for\.$"):
        _run("show", run, image_id, "-d", explained, "-o", tmp_path / "x.png", "--set", "lime.seed=1")


def test_sheet_explains_what_the_network_is_surest_of(explained: Path, tmp_path: Path) -> None:
    run, ids = explained / "runs" / "toy", PileDataset(explained, "test").image_ids
    assert spread_pictures(DatasetFolder.open(explained), "test", 3) == [ids[0], ids[(len(ids) - 1) // 2], ids[-1]]
    assert spread_pictures(DatasetFolder.open(explained), "test", 10**6) == list(ids)
    methods = {"gradcam": {}, "lime": {"num_samples": 20}}
    shown = explained_pictures(MapCollector(Run.open(run, explained), methods), ids[:2])
    for one in shown:
        assert one.parts == [max(one.logits, key=lambda part: one.logits[part])]
        assert [each.method for each in one.maps] == ["gradcam", "lime"]
    figure = draw_sheet(shown, Strongest(top=40))
    below = [panel.texts[0].get_text() if panel.texts else "" for panel in figure.axes]
    assert all(text.startswith("|value| ≥ ") for text in below[-2:])  # superpixels
    assert [len(panel.child_axes) for panel in figure.axes] == [0, 0, 1, 1, 0, 0]  # Grad-CAM has bars
    out = tmp_path / "sheet.png"
    _run("sheet", run, "-d", explained, "-o", out, "--methods", "gradcam,edges", "--count", "2")
    assert imread(out).shape[0] > imread(out).shape[1]
    _run("sheet", run, ids[1], "-d", explained, "-o", out, "--methods", "uniform", "--part", "3003", "--force")


def test_units_are_those_of_methods() -> None:
    assert (METHODS["lime"].unit, METHODS["saliency"].unit, METHODS["rise"].unit) == (
        "logit",
        "logit/unit",
        "probability",
    )
    assert not any(row.unit for row in METHODS.values() if row.family in ("class activation", "baseline"))
