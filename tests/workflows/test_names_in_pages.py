"""Names of parts, runs, datasets and photos that are HTML, formulas or Markdown: every page shows them as they are."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import toy
from click.testing import CliRunner
from starlette.testclient import TestClient

from brickbench import cli
from dataset.browse.app import create_app as browse_app
from dataset.dataset_folder import DatasetFolder
from dataset.index import update_index
from dataset.manifest import LabelRule, Manifest, PartInfo, SplitRule
from dataset.records import ImageRecord
from dataset.shards import write_shard
from evaluation.study.analysis import analyze
from evaluation.study.power.simulation import simulate
from evaluation.study.report.contents import make_report
from evaluation.study.report.page import render_report
from evaluation.study.report.sources import Sources
from evaluation.study.web.app import create_app as study_app

EVIL = """</script></style><evil a="1" b='2'>&amp; $\\frac{$ | 5 | --> é"""
FOLDER = """<evil a="1" b='2'>&amp; $frac{$ |"""
METRICS = "pixel_ap,mass_accuracy,mass_on_floor,mass_on_others,lift_on_floor"
TRAIN = "model_kwargs: {width: 0.05, stem_stride: 2}\ninput_size_px: 64\nepochs: 1\n"


class Shown(HTMLParser):
    """The elements of a page, and what it says: its text, attributes and embedded data."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements |= {tag, *(name for name, _ in attrs if name in "ab")}
        self.words += "".join(f"\n{value}" for _, value in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&")


def evil_dataset(root: Path) -> Path:
    parts = tuple(
        PartInfo(part_id=part.part_id, name=EVIL + part.part_id, category=EVIL + part.category) for part in toy.PARTS
    )
    rule = SplitRule(train=0.6, val=0.2, test=0.2)
    Manifest(seed=0, parts=parts, label_rule=LabelRule(min_visible_px=20), split_rule=rule).save_folder(root)
    write_shard(root, 0, [(record_of(pile), toy.toy_picture(0, pile)[1]) for pile in range(30)])
    update_index(root)
    return root


def record_of(pile: int) -> ImageRecord:
    return replace(toy.toy_picture(0, pile)[0], background=f"{EVIL}{pile % 2}", lighting=EVIL)


@pytest.fixture(scope="module")
def evil(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with such a dataset and its run that is explained and scored."""
    base = tmp_path_factory.mktemp("evil")
    root = evil_dataset(base / FOLDER)
    (base / "train.yaml").write_text(TRAIN)
    run = root / "runs" / FOLDER
    brickbench("train", "run", base / "train.yaml", "-d", root, "-o", run, "--device", "cpu")
    brickbench("train", "predict", run, "--device", "cpu")
    brickbench("explain", "run", run, "--methods", "gradcam,random", "--device", "cpu")
    brickbench(
        "evaluate",
        "localize",
        run,
        "--metrics",
        METRICS,
        "--workers",
        "1",
    )
    brickbench(
        "study", "build", run, "-o", base / "study", "--items", "6", "--participants", "2", "--methods",
        "gradcam,random", "--power-simulations", "0", "--workers", "1",
    )  # fmt: skip
    return base


def brickbench(*words: object) -> str:
    done = CliRunner().invoke(cli, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    return done.stdout


def shows(html: str, *names: str) -> None:
    page = Shown(html)
    assert not page.elements & {"evil", "a=", "b="}
    assert "<evil" not in re.sub(r"(?s)<!--.*?-->", "", html)
    for name in names:
        assert name in page.words


def run_of(base: Path) -> Path:
    return base / FOLDER / "runs" / FOLDER


@pytest.mark.slow
def test_the_pages_of_a_run(evil: Path, tmp_path: Path) -> None:
    run, names = run_of(evil), [EVIL + part.part_id for part in toy.PARTS]
    brickbench("train", "validate", run, "--split", "train", "-o", tmp_path / "validation.html", "--device", "cpu")
    shows((tmp_path / "validation.html").read_text(encoding="utf-8"), *names)
    brickbench("evaluate", "report", run, "-o", tmp_path / "report.html")
    shows((tmp_path / "report.html").read_text(encoding="utf-8"), names[0])
    brickbench("evaluate", "findings", run, "-o", tmp_path / "findings.html")
    shows((tmp_path / "findings.html").read_text(encoding="utf-8"), FOLDER)
    words = ("explain", "show", run, "p000003_v00", "--methods", "gradcam", "--device", "cpu", "-o")
    brickbench(*words, tmp_path / "show.html")
    shows((tmp_path / "show.html").read_text(encoding="utf-8"), "3003")
    brickbench(*words, tmp_path / "show.png")


def test_cards_are_html_and_markdown_that_hold_no_other(evil: Path, tmp_path: Path) -> None:
    root = evil / FOLDER
    brickbench("dataset", "card", root, "-o", tmp_path / "card")
    shows((tmp_path / "card" / "card.html").read_text(encoding="utf-8"), FOLDER, *(EVIL + p.part_id for p in toy.PARTS))
    brickbench("dataset", "export", root, "-o", tmp_path / "parquet", "--format", "parquet")
    escaped = EVIL.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "\\|")
    for folder in ("card", "parquet"):
        text = (tmp_path / folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]
        assert escaped + "3003" in text
        assert "<evil" not in re.sub(r"(?s)```.*?```", "", text)  # commands stand in it as they are typed


def test_pages_that_are_served(evil: Path) -> None:
    with TestClient(browse_app(DatasetFolder.open(evil / FOLDER), 8321), base_url="http://127.0.0.1:8321") as client:
        for address in ("/", "/?part=3003", "/image/p000003_v00"):
            shows(client.get(address).raise_for_status().text, EVIL + "3003", FOLDER)
        for address in (f"/?part={EVIL}", f"/image/{EVIL}"):
            shows(client.get(address).text)
    with TestClient(study_app(evil / "study", organiser="secret"), base_url="http://study.test") as client:
        for address in ("/", "/organiser"):
            shows(client.get(address).raise_for_status().text)


def test_the_pages_of_a_study(evil: Path, tmp_path: Path) -> None:
    study = evil / "study"
    brickbench("study", "bundle", study, "-o", tmp_path / "bundle.html")
    shows((tmp_path / "bundle.html").read_text(encoding="utf-8"))
    assert "<evil" not in (study / "preregistration.md").read_text(encoding="utf-8")
    answers = simulate(6, 6, preference_logit=1.0, person_sd=0.4, item_sd=0.4, seed=0)
    sources = Sources(answers, (f"{EVIL}.csv",), dict.fromkeys(answers.item.tolist(), EVIL))
    report = make_report(sources, analyze(answers, seed=0, draws=50), titles={"first": EVIL, "second": EVIL + "2"})
    shows(render_report(report), EVIL)
