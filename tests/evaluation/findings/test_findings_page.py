"""The page of findings, of a run whose scores are bent towards what should be found; and of one where nothing is."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from core.errors import BrickbenchError, SettingsError
from dataset.pile_dataset import PileDataset
from evaluation.commands import evaluate
from evaluation.findings.contrasts import contrast_groups, contrast_pairs, size_means
from evaluation.findings.material import Overlap, Pictures, gather_material
from evaluation.findings.page import write_findings
from evaluation.localization.run import score_run
from explain.bulk import explain_run
from explain.store import read_attributions
from render.settings import RenderSettings
from training.run.predict import predict
from training.run.run import Run

PARTS = ("3003", "3010", "4032")


def bend(run: Path, levels: dict[str, float], spread: float = 0.1) -> None:
    """Write scores of mass on the floor anew: the level of the part, and a little from picture to picture."""
    part_of = {row.attribution_id: row.part_id for row in read_attributions(run)}
    rng = np.random.default_rng(3)
    for path in (run / "scores").glob("*-*.parquet"):
        rows = pq.read_table(path).to_pylist()
        for row in rows:
            if row["metric"] == "mass_on_floor":
                row["value"] = levels[part_of[row["attribution_id"]]] + rng.uniform(-spread, spread)
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)


@pytest.fixture(scope="module")
def scored(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset whose run is explained on train and test, every part alike on the floor: read it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("found") / "dataset"))
    run = root / "runs" / "toy"
    for split in ("train", "test"):
        predict(Run.open(run, root), split=split, device="cpu")
        explain_run(Run.open(run, root), {"saliency": {}, "gradcam": {}, "uniform": {}}, split=split, device="cpu")
    score_run(Run.open(run, root), {"pointing_game": {}, "mass_accuracy": {}, "mass_on_floor": {}, "lift_on_floor": {}})
    bend(run, dict.fromkeys(PARTS, 0.5))
    return root


def test_a_part_whose_maps_lie_on_the_floor_is_found(scored: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(scored, tmp_path / "dataset"))
    run = root / "runs" / "toy"
    bend(run, {"3003": 0.8, "3010": 0.4, "4032": 0.4})
    more = tmp_path / "more.yaml"
    page = write_findings(Run.open(run, root), tmp_path / "one.html", settings=more)
    assert page.headline == "The network looks at the floor for one part."
    assert [each.title for each in page.findings] == ["Brick 2 x 2 (3003): the network looks at the floor"]
    text = page.path.read_text(encoding="utf-8")
    assert page.findings[0].sentences[0].replace('"', "&#34;") in text
    assert text.count("<img") == 6  # three examples of a picture and its map
    assert all(len(alt) > 20 for alt in re.findall(r'<img[^>]* alt="([^"]*)"', text))
    assert all(target.startswith(("data:", "#")) for target in re.findall(r'(?:src|href)="([^"]*)"', text))
    assert str(root) not in text
    assert RenderSettings.load(more).part_shares == {"3003": 3.0}
    again = write_findings(Run.open(run, root), tmp_path / "two.html", settings=more)
    assert again.path.read_bytes() == page.path.read_bytes()


def test_where_nothing_stands_out_it_says_so(scored: Path, tmp_path: Path) -> None:
    run, out, more = scored / "runs" / "toy", tmp_path / "page.html", tmp_path / "more.yaml"
    done = CliRunner().invoke(evaluate, ["findings", str(run), "-o", str(out), "--settings", str(more)])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == (
        "Nothing stands out in the maps of Saliency: there is nothing in particular to render more of."
    )
    assert done.stderr.strip().endswith(f"{more} was not written: nothing was found that more renders would cure.")
    assert not more.exists()
    assert "What may not be concluded" in out.read_text(encoding="utf-8")
    refused = CliRunner().invoke(evaluate, ["findings", str(run), "-o", str(out)])
    assert str(refused.exception) == f"{out} is there already: choose another place with -o, or give --force."
    found = CliRunner().invoke(evaluate, ["findings", str(run), "-o", str(out), "--force", "--json"])
    assert json.loads(found.stdout)["findings"] == []
    assert {test["kind"] for test in json.loads(found.stdout)["tests"]} >= {"part", "floor"}


def test_a_shortcut_that_all_parts_share_is_said_first(scored: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(scored, tmp_path / "dataset"))
    run = root / "runs" / "toy"
    bend(run, dict.fromkeys(PARTS, 0.99), spread=0.009)
    page = write_findings(Run.open(run, root), tmp_path / "page.html", method="saliency")
    assert page.headline.startswith("The maps of Saliency lie mostly off the bricks, for all parts: 99 % (99 to 99 %; ")
    assert page.headline.endswith("lies on the floor. No part, floor or light differs clearly from the others in that.")
    floor = next(one for one in page.standings if one.metric == "mass_on_floor")
    assert floor.is_off
    assert {one.name: one.sign for one in floor.against} == {"chance": -1}
    text = page.path.read_text(encoding="utf-8")
    assert "Mass on the floor is 0.99 (0.99 to 0.99): worse than chance (" in text
    assert "Whether the network uses the parts at all is not known" in text
    bend(run, {"3003": 0.99, "3010": 0.99, "4032": 0.3}, spread=0.009)  # one part is looked at: not all are off
    assert write_findings(Run.open(run, root), tmp_path / "two.html", method="saliency").headline.startswith(
        "The network"
    )


def test_maps_without_a_zero_are_asked_for_their_highest_point_alone(scored: Path, tmp_path: Path) -> None:
    page = write_findings(Run.open(scored / "runs" / "toy", scored), tmp_path / "page.html", method="gradcam")
    assert [one.metric for one in page.standings] == ["pointing_game"]
    assert page.tests == page.findings == ()
    assert any("Shares of a map's mass say nothing of Grad-CAM" in text for text in page.limits)


def test_a_pair_that_is_confused_and_looked_at_together_is_found(scored: Path) -> None:
    material = gather_material(Run.open(scored / "runs" / "toy", scored))
    rng = np.random.default_rng(0)
    first, second = (material.run.info.classes.index(part_id) for part_id in ("3003", "4032"))
    shown = np.zeros((40, 3), dtype=bool)
    shown[:20, first] = True  # nothing else lies in these pictures
    logits = rng.normal(-2, 0.5, shown.shape)
    logits[:20, second] += 4
    names = tuple(f"image{place}" for place in range(40))
    material.__dict__["pictures"] = Pictures(names, np.arange(40), logits, shown, ~shown)
    wanted = [place for place, (_, part_id) in enumerate(material.table.pairs) if part_id == "4032"]
    material.__dict__["overlaps"] = [Overlap(pair, "3003", rng.uniform(0.3, 0.5), 0.05) for pair in wanted]
    tests = contrast_pairs(material, seed=0)
    assert [(test.shown, test.claimed) for test in tests] == [("3003", "4032")]
    assert tests[0].found
    assert tests[0].confusion.difference.value == pytest.approx(4, abs=0.6)
    assert tests[0].claims[0] > 0.9
    assert tests[0].claims[1] < 0.1
    assert tests[0].share.mean == pytest.approx(0.4, abs=0.05)
    # Confused, but the map lies there as the area does: no finding.
    material.__dict__["overlaps"] = [Overlap(pair, "3003", rng.uniform(0.0, 0.1), 0.05) for pair in wanted]
    assert not contrast_pairs(material, seed=0)[0].found


def test_confusion_asks_only_where_the_claimed_part_is_absent(scored: Path) -> None:
    pictures = gather_material(Run.open(scored / "runs" / "toy", scored)).pictures
    assert not (pictures.shown & pictures.absent).any()
    judged = {*PileDataset(scored, "train").image_ids, *PileDataset(scored, "test").image_ids}
    assert set(pictures.image_ids) == judged
    assert np.isfinite(pictures.logits).all()


def test_groups_that_few_piles_stand_behind_are_not_tested(scored: Path) -> None:
    material = gather_material(Run.open(scored / "runs" / "toy", scored))
    assert {test.name for test in contrast_groups(material, "floor", seed=0)} == {"grey", "wood"}
    assert contrast_groups(material, "lighting", seed=0) == []  # there is one alone: no rest
    material.table.piles[:] = material.table.piles % 9
    assert contrast_groups(material, "part", seed=0) == []


def test_means_by_size_are_those_of_fifths() -> None:
    size = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, np.nan])
    values = np.array([1.0, 3, 0, 0, 0, 2, 5, 7, 9, 9, 4])
    assert size_means(values, size)[:2].tolist() == [2.0, 2.0]
    assert size_means(values, size)[8:10].tolist() == [9.0, 9.0]
    assert np.isnan(size_means(values, size)[10])


def test_what_is_lacking_is_said(scored: Path, tmp_path: Path) -> None:
    run = scored / "runs" / "toy"
    with pytest.raises(SettingsError, match=r"no scored maps of an explanation 'gradcan' \(did you mean 'gradcam'\?\)"):
        gather_material(Run.open(run, scored), method="gradcan")
    root = Path(shutil.copytree(scored, tmp_path / "dataset"))
    shutil.rmtree(root / "runs" / "toy" / "scores")
    score_run(Run.open(root / "runs" / "toy", root), {"pointing_game": {}})
    with pytest.raises(BrickbenchError, match=r"has no scores of mass_on_floor: make them with `brickbench evaluate"):
        gather_material(Run.open(root / "runs" / "toy", root))
