"""The page of one picture: what is in the file, and in headless Chromium its pixels, controls, keys and widths."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from html_page import read_alone
from numpy.typing import NDArray

from core.errors import BrickbenchError
from explain.collect import ExplainedPicture, ShownMap
from explain.commands import explain
from explain.draw import Picture, colouring_of, ground, overlay, resized, scaled_picture, value_text
from explain.methods import METHODS
from explain.page import PANEL_PX, render_page, show_page
from explain.strongest import Strongest, areas


@pytest.fixture(scope="module")
def shown() -> ExplainedPicture:
    """Return a picture with four maps of one part and one of another: coarse, superpixels, pixel-wise, unsigned."""
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
    mask = np.zeros((48, 64), dtype=bool)
    mask[10:30, 20:40] = True
    segments = np.kron(np.arange(12).reshape(3, 4), np.ones((16, 16), dtype=int))
    values = {
        "gradcam": rng.normal(size=(5, 6)),
        "lime": rng.normal(size=12)[segments],
        "input_x_gradient": rng.normal(size=(48, 64)) ** 3,
        "rise": 0.3 + 0.1 * rng.random((48, 64)),
    }
    maps = [
        ShownMap(method, "0" * 12, "epoch_0001", "3003", found.astype(np.float32)) for method, found in values.items()
    ]
    maps.append(ShownMap("gradcam", "0" * 12, "epoch_0001", "3010", rng.normal(size=(5, 6)).astype(np.float32)))
    return ExplainedPicture("p1", picture, {"3003": mask}, {"3003": "Brick 2 x 2", "3010": "Brick <4>"}, maps)


def _data(html: str) -> dict[str, Any]:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_raw_maps_travel_at_their_own_size(shown: ExplainedPicture) -> None:
    html = render_page(shown)
    assert html == render_page(shown)
    data = _data(html)
    assert [part["id"] for part in data["parts"]] == ["3003", "3010"]
    for given, found in zip(shown.maps, (one for part in data["parts"] for one in part["maps"]), strict=True):
        width, height = found["size"]
        values = np.frombuffer(base64.b64decode(found["values"]), dtype="<f4").reshape(height, width)
        np.testing.assert_array_equal(values, given.values)
    assert data["parts"][0]["outline"] == "M20 10H40V30H20V10z"
    assert data["parts"][1]["outline"] == ""


def test_page_is_one_file_with_words_for_what_is_seen(shown: ExplainedPicture) -> None:
    html = render_page(shown)
    read_alone(html)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    part = _data(html)["parts"][0]
    assert part["alt"] == "Picture p1; the outline marks Brick 2 x 2, 13.0% of the picture."
    values = shown.maps[1].values
    y, x = (int(place) for place in np.unravel_index(values.argmax(), values.shape))
    assert part["maps"][1]["alt"] == (
        f"LIME map for Brick 2 x 2: from {value_text(float(values.min()))} to {value_text(float(values.max()))} logit, "
        f"largest at x {x + 0.5:.0f}, y {y + 0.5:.0f} of 64 by 48 px, {'on' if shown.masks['3003'][y, x] else 'off'} "
        "the part."
    )
    assert _data(html)["parts"][1]["alt"] == "Picture p1; Brick <4> is not in it."
    assert "Brick <4>" not in html


def test_a_page_that_cannot_be_written(shown: ExplainedPicture, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrickbenchError, match=r"^Cannot write .*x\.html: .*\. Choose another file with -o\.$"):
        show_page(shown, tmp_path / "file" / "x.html")


@pytest.fixture
def open_page(open_tab: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Return a function that writes a page, opens it, and gives its tab."""

    def open_it(shown: ExplainedPicture, strongest: Strongest | None = None, **context: Any) -> Any:
        out = tmp_path / "page.html"
        show_page(shown, out, strongest)
        tab = open_tab(out.as_uri(), **context)
        tab.wait_for_selector("html[data-ready]")
        return tab

    return open_it


def _redrawn(tab: Any) -> None:
    """Wait until the page has drawn what it was asked for: it draws in the next frame, after a reset one turn later."""
    tab.evaluate("new Promise(done => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(done))))")


def _pixels(tab: Any, place: int) -> Picture:
    """Return what panel `place` shows, (h, w, 3); panel 0 is the picture."""
    _redrawn(tab)
    script = """place => {
        const canvas = document.querySelectorAll(".stage canvas")[place];
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return [canvas.height, canvas.width, btoa(Array.from(data, value => String.fromCharCode(value)).join(""))];
    }"""
    height, width, text = tab.evaluate(script, place)
    return np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(height, width, 4)[..., :3]


def _slide(tab: Any, name: str, value: float) -> None:
    tab.evaluate(
        """([name, value]) => {
            const slider = document.getElementById(name);
            slider.value = value;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [name, value],
    )


def _assert_same(found: NDArray[Any], wanted: NDArray[Any]) -> None:
    """One level of rounding is allowed, and one pixel in a thousand that lies on a border between two shades."""
    far = np.abs(found.astype(int) - wanted).max(axis=2) > 1
    assert found.shape == wanted.shape
    assert far.mean() <= 1e-3


@pytest.mark.browser
def test_pixels_are_those_of_python(shown: ExplainedPicture, open_page: Any) -> None:
    tab = open_page(shown)
    np.testing.assert_array_equal(_pixels(tab, 0), scaled_picture(shown.picture, PANEL_PX))
    for place, one in enumerate(shown.maps[:4], start=1):
        wanted = overlay(shown.picture, one.values, resize=METHODS[one.method].resize, size_px=PANEL_PX)
        _assert_same(_pixels(tab, place), wanted)


@pytest.mark.slow
@pytest.mark.browser
def test_sliders_change_pixels_as_python_does(shown: ExplainedPicture, open_page: Any) -> None:
    tab = open_page(shown)
    before = _pixels(tab, 1)
    _slide(tab, "opacity", 30)
    assert (_pixels(tab, 1) != before).any()
    for place, one in enumerate(shown.maps[:4], start=1):
        resize = METHODS[one.method].resize
        _assert_same(
            _pixels(tab, place), overlay(shown.picture, one.values, resize=resize, size_px=PANEL_PX, opacity=0.3)
        )
    _slide(tab, "opacity", 80)
    _slide(tab, "threshold", 40)
    base = scaled_picture(shown.picture, PANEL_PX)
    for place, one in enumerate(shown.maps[:4], start=1):
        resize = METHODS[one.method].resize
        weak = np.abs(resized(one.values, base.shape, resize)) < 0.4 * colouring_of(one.values).limit
        wanted = np.where(
            weak[..., None], np.round(ground(base)), overlay(shown.picture, one.values, resize=resize, size_px=PANEL_PX)
        )
        _assert_same(_pixels(tab, place), wanted)
    assert tab.inner_text("#threshold-told") == "40 % of the bar"


@pytest.mark.slow
@pytest.mark.browser
def test_areas_are_those_of_python(shown: ExplainedPicture, open_page: Any) -> None:
    for strongest in (Strongest(top=3), Strongest(share=0.5), Strongest(threshold=0.35), Strongest(2, for_only=True)):
        tab = open_page(shown, strongest)
        for place, one in enumerate(shown.maps[:4], start=1):
            wanted = areas(shown.picture, one.values, strongest, resize=METHODS[one.method].resize, size_px=PANEL_PX)
            _assert_same(_pixels(tab, place), wanted)
    tab.check("input[value=shades]")
    assert (_pixels(tab, 1) != wanted).any()
    tab.click("#reset")
    _assert_same(_pixels(tab, 4), wanted)


@pytest.mark.slow
@pytest.mark.browser
def test_parts_methods_outline_and_values(shown: ExplainedPicture, open_page: Any) -> None:
    tab = open_page(shown)
    assert tab.locator(".panels figure:visible").count() == 5
    tab.uncheck("input[value=RISE]")
    _redrawn(tab)
    assert tab.locator(".panels figure:visible h3").all_inner_texts() == [
        "Brick 2 x 2 (3003)", "Grad-CAM", "LIME", "Input × gradient"
    ]  # fmt: skip
    assert tab.locator(".outline").first.is_visible()
    tab.uncheck("#outline")
    _redrawn(tab)
    assert not tab.locator(".outline").first.is_visible()

    stage = tab.locator(".stage").nth(2)
    box = stage.bounding_box()
    stage.hover(position={"x": box["width"] * 50.5 / 64, "y": box["height"] * 20.5 / 48})
    _redrawn(tab)
    lime, cam = shown.maps[1].values, shown.maps[0].values
    here = tab.locator(".here")
    assert here.nth(0).inner_text() == "x 50, y 20"
    assert float(here.nth(1).inner_text().replace("−", "-")) == pytest.approx(cam[20 * 5 // 48, 50 * 6 // 64], rel=6e-3)
    value, unit = here.nth(2).inner_text().split(" ")
    assert float(value.replace("−", "-")) == pytest.approx(lime[20, 50], rel=6e-3)
    assert unit == "logit"

    tab.mouse.move(0, 0)
    _redrawn(tab)
    assert here.nth(2).inner_text() == ""
    stage.focus()
    for key in ("ArrowRight", "Shift+ArrowUp", "ArrowDown"):
        tab.keyboard.press(key)
    _redrawn(tab)
    assert here.nth(0).inner_text() == "x 33, y 15"
    assert tab.inner_text("#drawn").startswith("LIME at x 33, y 15: ")
    tab.keyboard.press("Escape")
    _redrawn(tab)
    assert tab.inner_text("#drawn") == ""

    tab.select_option("#part", label="Brick <4> (3010)")
    _redrawn(tab)
    assert tab.locator(".panels figure:visible h3").all_inner_texts() == [
        "Brick <4> (3010)", "Grad-CAM"
    ]  # fmt: skip
    _assert_same(_pixels(tab, 1), overlay(shown.picture, shown.maps[4].values, resize="bilinear", size_px=PANEL_PX))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_and_is_named(shown: ExplainedPicture, open_page: Any, width: int, scheme: str) -> None:
    tab = open_page(shown, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert tab.evaluate("document.documentElement.scrollWidth") == width  # nothing sticks out
    ground_of = {"light": "rgb(252, 251, 248)", "dark": "rgb(25, 24, 23)"}
    assert tab.evaluate("getComputedStyle(document.body).backgroundColor") == ground_of[scheme]
    unnamed = """[...document.querySelectorAll("input, select, button, [tabindex]")].filter(node =>
        !(node.getAttribute("aria-label") || node.innerText || node.labels?.[0]?.innerText))"""
    assert tab.evaluate(f"{unnamed}.length") == 0
    assert tab.locator(".stage").nth(1).get_attribute("aria-label").startswith("Grad-CAM map for Brick 2 x 2: from −")
    tab.emulate_media(media="print")
    assert not tab.locator(".controls").is_visible()


def test_the_command_writes_a_page(trained: Path, tmp_path: Path) -> None:
    from dataset.pile_dataset import PileDataset

    out, image_id = tmp_path / "page.html", PileDataset(trained, "test").image_ids[0]
    command = ["show", str(trained / "runs" / "toy"), image_id, "-d", str(trained), "-o", str(out)]
    done = CliRunner().invoke(explain, [*command, "--methods", "gradcam,edges", "--top", "5"], catch_exceptions=False)
    assert done.exit_code == 0
    html = out.read_text(encoding="utf-8")
    assert 'value="5"' in html
    assert 'value="areas" checked' in html
    assert len(_data(html)["parts"][0]["maps"]) == 2
