"""Maps in bulk: what is stored, going on after a stop, failures."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from core.errors import BrickbenchError, PartialFailureError, SettingsError
from dataset.index import open_index
from dataset.pile_dataset import PileDataset
from explain.baselines import RandomNoise
from explain.bulk import explain_run
from explain.commands import explain
from explain.methods import create_method
from explain.protocol import FloatMaps
from explain.shard_writer import survives_float16
from explain.store import DEFAULT_LAYER_FILE, Attribution, find_attributions, load_maps, read_attributions, shard_files
from explain.wanted import Which
from training.run.checkpoint import Checkpoint, load_checkpoint
from training.run.run import Run

FAST = {"gradcam": {}, "random": {}}


def test_maps_are_stored_raw_with_rows_in_the_index(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    result = explain_run(Run.open(run, own_trained), {**FAST, "lime": {"num_samples": 10}}, limit=3, device="cpu")
    rows = read_attributions(run)
    pictures = PileDataset(own_trained, "test")
    assert result.made == len(rows) == 3 * int(pictures.targets[:3].sum())
    row = next(row for row in rows if row.method == "gradcam")
    checkpoint = load_checkpoint(run)
    place = pictures.image_ids.index(row.image_id)
    image = checkpoint.network_input(pictures.image(place))
    method = create_method("gradcam", checkpoint.model, input_size_px=checkpoint.input_size_px)
    (expected,) = method.attribute(image[None], [[checkpoint.classes.index(row.part_id)]])
    stored = next(load_maps(run, [row]))
    assert stored.dtype == np.float32
    np.testing.assert_allclose(stored, expected[0], rtol=1e-5, atol=1e-6)
    digest = method.settings.digest()
    assert row.attribution_id == f"toy/epoch_0001/gradcam-{digest}/{row.image_id}/{row.part_id}"
    assert row.file == f"attributions/gradcam-{digest}/000000.npy"
    assert row.seconds > 0
    with open_index(own_trained) as index:
        assert index.execute("SELECT count(*) FROM attributions").fetchone() == (len(rows),)


def test_a_second_run_goes_on_where_the_first_stopped(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), FAST, limit=2, device="cpu")
    before = {path: path.read_bytes() for path in run.glob("attributions/*/*")}
    leftover = next(run.glob("attributions/random-*")) / "000001.npy"
    leftover.write_bytes(b"written, but its rows never were")
    again = explain_run(Run.open(run, own_trained), FAST, limit=2, device="cpu")
    assert again.made == 0
    assert again.found == len(read_attributions(run))
    more = explain_run(Run.open(run, own_trained), FAST, limit=4, device="cpu")
    assert more.made > 0
    assert more.found == again.found
    assert all(path.read_bytes() == data for path, data in before.items())
    rows = read_attributions(run)
    assert len({row.attribution_id for row in rows}) == len(rows) == more.made + more.found
    assert all(np.isfinite(values).all() for values in load_maps(run, rows))


def test_settings_are_kept_apart(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    for layer in ("act5", "act4"):
        explain_run(Run.open(run, own_trained), {"gradcam": {"layer": layer}}, limit=1, device="cpu")
    assert len(list(run.glob("attributions/gradcam-*/settings.yaml"))) == 2
    assert not list(run.glob(f"attributions/*/{DEFAULT_LAYER_FILE}"))


def test_a_layer_that_the_rule_chose_is_told_from_one_that_was_named(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    result = explain_run(Run.open(run, own_trained), {"gradcam": {}, "edges": {}}, limit=1, device="cpu")
    (kept,) = run.glob(f"attributions/*/{DEFAULT_LAYER_FILE}")
    assert kept.parent.name.startswith("gradcam-")
    assert kept.read_text().strip() in result.notes


@pytest.mark.parametrize(("which", "above"), [("predicted", 0.0), ("predicted", -0.5), ("top", 0.0), ("missed", 0.3)])
def test_choices_of_classes(own_trained: Path, which: Which, above: float) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), {"random": {}}, which=which, above=above, limit=4, device="cpu")
    checkpoint, pictures = load_checkpoint(run), PileDataset(own_trained, "test")
    expected = set()
    for place in range(4):
        with torch.no_grad():
            logits = checkpoint.model(checkpoint.network_input(pictures.image(place))[None])[0].tolist()
        for at, logit in enumerate(logits):
            missed = bool(pictures.targets[place][at]) and logit <= above
            if {"predicted": logit > above, "top": logit == max(logits), "missed": missed}[which]:
                expected.add((pictures.image_ids[place], checkpoint.classes[at]))
    assert {(row.image_id, row.part_id) for row in read_attributions(run)} == expected


def test_the_oracle_gets_the_masks(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), {"oracle": {}}, limit=2, device="cpu")
    pictures = PileDataset(own_trained, "test", with_masks=True)
    rows = read_attributions(run)
    assert rows
    for row, found in zip(rows, load_maps(run, rows), strict=True):
        np.testing.assert_array_equal(found, pictures.masks(pictures.image_ids.index(row.image_id))[row.part_id])


def test_a_batch_that_does_not_fit_into_memory_shrinks_and_says_so(
    own_trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = own_trained / "runs" / "toy"
    attribute = RandomNoise.attribute

    def tight(self: RandomNoise, images: torch.Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return attribute(self, images, classes)

    monkeypatch.setattr(RandomNoise, "attribute", tight)
    result = explain_run(Run.open(run, own_trained), {"random": {}}, limit=5, device="cpu")
    assert result.notes == ["random: 2 pictures at once, since 16 did not fit into memory"]
    assert result.made == len(read_attributions(run)) == int(PileDataset(own_trained, "test").targets[:5].sum())


def test_a_damaged_picture_is_counted_and_the_rest_is_done(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    victim = PileDataset(own_trained, "test").image_ids[1]
    next(own_trained.glob(f"shards/*/images/{victim}.*")).write_bytes(b"not an image")
    with pytest.raises(
        BrickbenchError, match=r"^1 pictures could not be explained, \d+ maps are there\. 1 times: The image"
    ):
        explain_run(Run.open(run, own_trained), {"random": {}}, limit=3, device="cpu")
    assert {row.image_id for row in read_attributions(run)} == set(PileDataset(own_trained, "test").image_ids[:3]) - {
        victim
    }
    with open_index(own_trained) as index:
        assert index.execute("SELECT count(*) > 0 FROM attributions").fetchone() == (True,)


def test_a_damaged_picture_is_counted_once_whatever_asks_for_it(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    victim = PileDataset(own_trained, "test").image_ids[1]
    next(own_trained.glob(f"shards/*/images/{victim}.*")).write_bytes(b"not an image")
    with pytest.raises(PartialFailureError, match=r"^1 pictures could not be explained") as raised:
        explain_run(Run.open(run, own_trained), FAST, which="top", limit=3, device="cpu")
    assert list(raised.value.result.failures.values()) == [1]
    assert raised.value.result.made == 4


def test_shares_divide_the_work(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    explained = []
    for part in (1, 2, 3):
        there = {row.image_id for row in read_attributions(run)}
        explain_run(Run.open(run, own_trained), {"random": {}}, limit=5, share=(part, 3), device="cpu")
        explained.append({row.image_id for row in read_attributions(run)} - there)
    names = PileDataset(own_trained, "test").image_ids
    assert explained == [{names[0], names[3]}, {names[1], names[4]}, {names[2]}]
    with pytest.raises(SettingsError, match=r"^The share should be K of N with K from 1 to N, such as 1/4; it is 3/2"):
        explain_run(Run.open(run, own_trained), {"random": {}}, share=(3, 2), device="cpu")


def test_float16_is_stored_where_it_does_no_harm(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    methods = {"random": {}, "saliency": {}}
    exact = explain_run(Run.open(run, own_trained), methods, limit=2, device="cpu")
    expected = {row.attribution_id: values for row, values in both(run)}
    shutil.rmtree(run / "attributions")
    result = explain_run(Run.open(run, own_trained), methods, limit=2, dtype="float16", device="cpu")
    assert result.made == exact.made
    kinds = {(path.parent.name.split("-")[0], np.load(path).dtype.name) for path in run.glob("attributions/*/*.npy")}
    assert ("random", "float16") in kinds
    small = [name for name, values in expected.items() if not survives_float16(values)]
    assert result.notes == (
        [f"saliency: {len(small)} maps kept as float32, which float16 would have spoilt"] if small else []
    )
    for row, values in both(run):
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected[row.attribution_id], rtol=2**-11, atol=1e-3 * values.max() / 2048)


def test_a_picture_that_memory_does_not_hold_is_one_reason(own_trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = iter(range(100))

    def too_large(*_: object) -> None:
        raise torch.OutOfMemoryError(f"CUDA out of memory. Tried to allocate {next(sizes)} GiB.")

    monkeypatch.setattr(RandomNoise, "attribute", too_large)
    with pytest.raises(
        PartialFailureError, match=r"3 times: random: memory does not hold what one picture takes"
    ) as raised:
        explain_run(Run.open(own_trained / "runs" / "toy", own_trained), {"random": {}}, limit=3, device="cpu")
    assert raised.value.result.notes == ["random: 1 pictures at once, since 16 did not fit into memory"]


def both(run: Path) -> list[tuple[Attribution, FloatMaps]]:
    rows = read_attributions(run)
    return list(zip(rows, load_maps(run, rows), strict=True))


def test_maps_are_found_by_picture_part_and_method(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), FAST, limit=3, device="cpu")
    rows = read_attributions(run)
    one = rows[-1]
    assert read_attributions(run, one.image_id) == [row for row in rows if row.image_id == one.image_id]
    with open_index(own_trained) as index:
        assert find_attributions(index, one.image_id, one.part_id, one.method) == [one]
        assert set(find_attributions(index, one.image_id)) == set(read_attributions(run, one.image_id))
        assert len(find_attributions(index, one.image_id, method="random")) == sum(
            (row.image_id, row.method) == (one.image_id, "random") for row in rows
        )
        assert find_attributions(index, "nothing") == []


def test_a_method_that_fails_is_counted_by_reason(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    with pytest.raises(BrickbenchError, match=r"2 times: gradcam: Layer 'dense1' does not give one stack of maps"):
        explain_run(Run.open(run, own_trained), {"gradcam": {"layer": "dense1"}, "random": {}}, limit=2, device="cpu")
    assert {row.method for row in read_attributions(run)} == {"random"}


def test_a_network_that_answers_nan_is_a_failure_with_its_reason(
    own_trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = Run.load

    def broken(run: Run, *words: Any) -> Checkpoint:
        loaded = load(run, *words)
        list(loaded.model.parameters())[-1].data.fill_(torch.nan)
        return loaded

    monkeypatch.setattr(Run, "load", broken)
    run = own_trained / "runs" / "toy"
    with pytest.raises(PartialFailureError) as raised:
        explain_run(Run.open(run, own_trained), {"saliency": {}, "random": {}}, limit=2, device="cpu")
    reasons = raised.value.result.failures
    assert sum(reasons.values()) == 2
    assert all(re.match(r"saliency: The network's logit of class \d is NaN or infinite: check", one) for one in reasons)
    assert {row.method for row in read_attributions(run)} == {"random"}


def test_damaged_files_are_named(own_trained: Path) -> None:
    run = own_trained / "runs" / "toy"
    explain_run(Run.open(run, own_trained), {"random": {}}, limit=1, device="cpu")
    rows = read_attributions(run)
    (run / rows[0].file).write_bytes(b"gone")
    with pytest.raises(BrickbenchError, match=r"000000\.npy are damaged or missing: delete 000000\.parquet beside it"):
        next(load_maps(run, rows))
    shard_files(run)[0].write_bytes(b"gone")
    with pytest.raises(BrickbenchError, match=r"000000\.parquet is damaged: delete it and 000000\.npy beside it"):
        read_attributions(run)


def test_the_command_tells_notes_counts_and_failures(own_trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attribute = RandomNoise.attribute

    def tight(self: RandomNoise, images: torch.Tensor, classes: Sequence[Sequence[int]]) -> list[FloatMaps]:
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return attribute(self, images, classes)

    monkeypatch.setattr(RandomNoise, "attribute", tight)
    options = ["run", str(own_trained / "runs" / "toy"), "-d", str(own_trained), "--limit", "3", "--device", "cpu"]
    methods = ["--methods", "random,gradcam", "--set", "gradcam.layer=dense1"]
    done = CliRunner().invoke(explain, [*options, *methods, "--json"])
    assert isinstance(done.exception, PartialFailureError)
    assert done.exception.exit_code == 1
    told = json.loads(done.stdout)
    assert told["made"] == int(PileDataset(own_trained, "test").targets[:3].sum())
    assert list(told["failures"].values()) == [3]
    note = "random: 1 pictures at once, since 16 did not fit into memory"
    assert told["notes"] == [note]
    lines = done.stderr.splitlines()
    assert note in lines
    assert any(re.fullmatch(r"Explain random \(1 of 2\): (\d+)/\1 maps, [\d.e+]+/s", line) for line in lines)
    with pytest.raises(SettingsError, match=r"^--share should read K/N, such as 1/4; it reads 'half'\.$"):
        CliRunner().invoke(explain, [*options, "--share", "half"], catch_exceptions=False)


def test_commands(own_trained: Path, tmp_path: Path) -> None:
    run = own_trained / "runs" / "toy"
    options = [
        "run",
        str(run),
        "-d",
        str(own_trained),
        "--methods",
        "gradcam,random,uniform",
        "--limit",
        "2",
        "--device",
        "cpu",
        "--json",
    ]
    made = CliRunner().invoke(explain, options, catch_exceptions=False)
    assert made.exit_code == 0
    assert '"found": 0' in made.stdout
    image_id = read_attributions(run)[0].image_id
    out = tmp_path / "out.png"
    shown = CliRunner().invoke(
        explain, ["show", str(run), "-d", str(own_trained), image_id, "-o", str(out)], catch_exceptions=False
    )
    assert shown.exit_code == 0
    first = out.read_bytes()
    assert first.startswith(b"\x89PNG")
    with pytest.raises(BrickbenchError, match=r"is there already: .* -o, or give --force"):
        CliRunner().invoke(
            explain, ["show", str(run), "-d", str(own_trained), image_id, "-o", str(out)], catch_exceptions=False
        )
    CliRunner().invoke(
        explain, ["show", str(run), "-d", str(own_trained), image_id, "-o", str(out), "--force"], catch_exceptions=False
    )
    assert out.read_bytes() == first
    with pytest.raises(SettingsError, match=r"^There is no picture 'nothing' in "):
        CliRunner().invoke(
            explain,
            ["show", str(run), "-d", str(own_trained), "nothing", "-o", str(tmp_path / "x.png")],
            catch_exceptions=False,
        )


def test_every_command_has_help_and_an_example() -> None:
    for command in explain.commands.values():
        assert command.help
        assert "Example:" in command.help
    listed = CliRunner().invoke(explain, ["methods", "--json"], catch_exceptions=False)
    assert '"method": "gradcam"' in listed.stdout
