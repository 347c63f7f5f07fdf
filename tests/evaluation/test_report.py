"""The report: one file, the same bytes, words for those who do not see, and in a browser no error."""

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from evaluation.gallery import choose_pairs
from evaluation.report import write_report
from evaluation.score_run import score_run
from evaluation.table import MethodLabel, ScoreTable
from explain.bulk import explain_run
from training.predict import predict

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="module")
def scored(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dataset whose run is explained, applied and scored: read it, never write into it."""
    root = Path(shutil.copytree(trained, tmp_path_factory.mktemp("scored") / "dataset"))
    run = root / "runs" / "toy"
    predict(run, root, device="cpu")
    methods = {"gradcam": {}, "lime": {"num_samples": 12}, "random": {}, "uniform": {}}
    explain_run(run, root, methods, limit=4, device="cpu")
    score_run(run, root)
    return root


class Reader(HTMLParser):
    """Collects what the page refers to, and checks that elements close."""

    VOID = frozenset({"meta", "link", "img", "br", "input", "hr", "path", "circle", "use", "rect"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.without_words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.targets += [value or "" for name, value in attrs if name in {"src", "href", "xlink:href"}]
        if tag == "h2":
            self.ids.append(given.get("id") or "")
        if (tag == "img" and not given.get("alt")) or (
            tag == "svg" and not ({"aria-label", "aria-hidden"} & set(given))
        ):
            self.without_words.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_same_inputs_give_the_same_bytes(scored: Path, tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        write_report(scored / "runs" / "toy", scored, tmp_path / name)
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_it_stands_alone_and_speaks(scored: Path, tmp_path: Path) -> None:
    made = write_report(scored / "runs" / "toy", scored, tmp_path / "report.html", cases=3)
    text = made.path.read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert reader.without_words == []
    assert reader.ids == ["scores", "pairs", "gallery", "network", "metrics", "provenance"]
    assert all(target.startswith(("data:", "#")) for target in reader.targets)
    assert not re.findall(r"url\((?!#)", text)
    assert str(scored) not in text  # where it was made is no part of the result
    assert made.verdict.headline in text
    for words in ("chance", "Grad-CAM − LIME", "num_samples 12", "nearest resizing", "logit", "lime 0.2.0.1"):
        assert words in text


def test_without_explanations_or_pictures_it_still_says_so(scored: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(scored, tmp_path / "dataset"))
    run = root / "runs" / "toy"
    for folder in [*run.glob("attributions/gradcam-*"), *run.glob("attributions/lime-*")]:
        shutil.rmtree(folder)
    made = write_report(run, root, tmp_path / "report.html", cases=0)
    text = made.path.read_text(encoding="utf-8")
    assert "Only baselines were scored" in text
    assert 'id="gallery"' not in text


def test_the_gallery_shows_each_picture_once_and_says_why() -> None:
    values = np.array([[0.9, 0.8, 0.1, 0.5, np.nan, 0.6, 0.9], [0.9, 0.2, 0.1, 0.5, 0.9, 0.9, 0.1]])[:, None, :]
    table = ScoreTable(
        run_id="toy",
        checkpoint="epoch_0001",
        methods=(MethodLabel("a", "a", "A", False), MethodLabel("b", "b", "B", False)),
        metrics=("mass_accuracy",),
        metric_settings={},
        pairs=tuple((f"image{place}", "3001") for place in range(7)),
        piles=np.arange(7),
        values=values,
        status=np.full(values.shape, "ok"),
        chance=np.full(values.shape, 0.1),
        rows={},
    )
    chosen = choose_pairs(table, [0, 1], 5)
    assert chosen == [("best", 0), ("median", 3), ("worst", 2), ("A ahead of B", 6), ("B ahead of A", 5)]
    assert len(choose_pairs(table, [0, 1], 50)) == 6  # the pair without a value is never shown


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")
def test_in_a_browser_the_table_sorts_and_the_page_fits_a_phone(scored: Path, tmp_path: Path) -> None:
    out = write_report(scored / "runs" / "toy", scored, tmp_path / "report.html", cases=2).path
    probe = """<script>addEventListener("load", () => {
      document.querySelectorAll("table.sortable th button")[2].click();
      const names = [...document.querySelectorAll("table.sortable tbody th")].map(th => th.textContent).join("|");
      const broken = [...document.images].filter(image => !image.naturalWidth).length;
      const frame = document.createElement("iframe");
      frame.style.width = "390px"; frame.srcdoc = document.documentElement.outerHTML.replaceAll("<script", "<template");
      frame.onload = () => {
        const root = frame.contentDocument.documentElement, wide = root.scrollWidth - root.clientWidth;
        document.title = `RESULT ${names} broken ${broken} beyond ${wide}`;
      };
      document.body.append(frame);
    });</script></body>"""
    page = tmp_path / "probe.html"
    page.write_text(out.read_text(encoding="utf-8").replace("</body>", probe), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
    command = [str(CHROMIUM), *flags, f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=8000"]
    done = subprocess.run(
        [*command, "--dump-dom", page.as_uri()], capture_output=True, text=True, timeout=90, check=True
    )
    found = re.search(r"<title>RESULT (.*) broken (\d+) beyond (\d+)</title>", done.stdout)
    assert found is not None
    assert sorted(found[1].split("|")) == ["Grad-CAM", "LIME", "Random noise", "Uniform"]
    assert (int(found[2]), int(found[3])) == (0, 0)
