"""The page in a real browser: filters by clicking, masks on hover, one picture, keys, the way back."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import uvicorn

from dataset.browse.app import create_app
from dataset.browse.filters import Filter
from dataset.browse.snapshot import Snapshot
from dataset.dataset_folder import DatasetFolder

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]


@pytest.fixture(scope="module")
def address(mixed: Path) -> Iterator[str]:
    """Serve `mixed` from a thread and give the address of its page."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(create_app(DatasetFolder.open(mixed), port), log_level="warning", lifespan="off", ws="none")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator["api.Browser"]:
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(browser: "api.Browser", address: str) -> Iterator["api.Page"]:
    """Give a tab with the grid; a script that fails, or a thing that the page may not load, fails the test."""
    with browser.new_context(base_url=address, viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto("/")
        yield page
        assert wrong == []


@pytest.fixture(scope="module")
def snapshot(mixed: Path) -> Snapshot:
    return Snapshot(DatasetFolder.open(mixed))


def count_of(snapshot: Snapshot, **wanted: object) -> str:
    return str(len(snapshot.positions(Filter(**wanted))))  # type: ignore[arg-type]


def query(page: "api.Page") -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_filters_by_clicking_and_back_restores(tab: "api.Page", snapshot: Snapshot) -> None:
    count = tab.locator("#count b")
    api.expect(count).to_have_text("152")
    tab.locator("#part-3003").check()
    api.expect(count).to_have_text(count_of(snapshot, parts=("3003",)))
    api.expect(tab.locator("#told")).to_contain_text("of 152 pictures")
    assert tab.evaluate("document.activeElement.value") == "3003"  # focus stays where one clicked
    tab.get_by_role("checkbox", name="flash").check()
    both = count_of(snapshot, parts=("3003",), choices=(("light", ("flash",)),))
    api.expect(count).to_have_text(both)
    assert query(tab) == {"part": ["3003"], "light": ["flash"]}
    assert tab.evaluate("document.activeElement.value") == "flash"
    tab.locator("#bricks_min").fill("2")
    tab.locator("#bricks_min").press("Enter")
    fewer = count_of(snapshot, parts=("3003",), choices=(("light", ("flash",)),), bricks_min=2.0)
    api.expect(count).to_have_text(fewer)
    assert fewer != both
    tab.go_back()
    api.expect(count).to_have_text(both)
    api.expect(tab.locator("#bricks_min")).to_have_value("")
    tab.go_back()
    api.expect(tab.get_by_role("checkbox", name="flash")).not_to_be_checked()
    api.expect(tab.locator("#part-3003")).to_be_checked()
    tab.go_forward()
    api.expect(count).to_have_text(both)
    tab.reload()
    api.expect(count).to_have_text(both)
    tab.locator(".chips a").first.click()
    api.expect(count).to_have_text(count_of(snapshot, choices=(("light", ("flash",)),)))
    api.expect(tab.locator("#part-3003")).not_to_be_checked()


def test_hover_draws_masks_and_names_the_brick(tab: "api.Page") -> None:
    tile = tab.locator('.tiles a[data-id="p000064_v00"]')
    assert tab.locator(".overlay").count() == 0
    tile.hover()
    masks = tile.locator(".overlay .mask")
    api.expect(masks.first).to_be_visible()
    drawing = tab.evaluate("fetch('/bricks/p000064_v00').then(answer => answer.json())")
    seen = [brick for brick in drawing["bricks"] if brick["mask"]]
    assert masks.count() == len(seen)
    brick = max(seen, key=lambda brick: brick["visible"])
    left, top, width, height = brick["box"]
    frame = tile.locator(".frame").bounding_box()
    assert frame is not None
    scale = frame["width"] / drawing["width"]
    tab.mouse.move(frame["x"] + (left + width / 2) * scale, frame["y"] + (top + height / 2) * scale)
    api.expect(tab.locator("#tip")).to_have_text(
        f"{brick['name']} · {brick['part']} · {round(brick['visible'] * 100)} % seen"
    )
    assert tile.locator(".marked .outline").first.evaluate("line => getComputedStyle(line).strokeDasharray") != ""
    box = masks.first.bounding_box()
    assert box is not None
    assert frame["x"] <= box["x"] + 2
    assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 2
    tab.mouse.move(5, 5)
    api.expect(tab.locator(".overlay")).to_have_count(0)
    api.expect(tab.locator("#tip")).to_be_hidden()


def test_one_picture_its_layers_and_the_way_back(tab: "api.Page") -> None:
    tab.goto("/?part=3003&page=2")
    first = tab.locator(".tiles a").first
    name = first.get_attribute("data-id")
    first.click()
    api.expect(tab.locator(".known h1")).to_have_text(str(name))
    api.expect(tab.locator(".overlay .mask").first).to_be_attached()
    assert "page" not in query(tab)
    tab.keyboard.press("o")
    tab.keyboard.press("m")
    assert query(tab)["show"] == ["outlines"]
    api.expect(tab.locator(".overlay .outline:not(.ground)").first).to_be_visible()
    tab.keyboard.press("ArrowRight")
    api.expect(tab.locator(".known h1")).not_to_have_text(str(name))
    api.expect(tab.locator(".overlay")).to_be_attached()  # keys are heard from then on
    assert query(tab)["show"] == ["outlines"]
    assert query(tab)["part"] == ["3003"]
    tab.keyboard.press("ArrowLeft")
    api.expect(tab.locator(".known h1")).to_have_text(str(name))
    api.expect(tab.locator(".overlay")).to_be_attached()
    tab.locator("#bricks tbody tr").first.hover()
    api.expect(tab.locator(".brick.marked")).to_have_count(1)
    tab.keyboard.press("Escape")
    api.expect(tab.locator(f'.tiles a[data-id="{name}"]')).to_be_focused()
    assert query(tab)["page"] == ["2"]
    for _ in range(4):
        tab.go_back()
    api.expect(tab.locator("#count b")).not_to_have_text("152")
    assert query(tab) == {"part": ["3003"], "page": ["2"]}


def test_the_grid_by_keys(tab: "api.Page") -> None:
    tiles = tab.locator(".tiles a")
    tab.keyboard.press("ArrowRight")
    api.expect(tiles.nth(0)).to_be_focused()
    api.expect(tiles.nth(0).locator(".overlay")).to_have_count(1)  # focus shows what the pointer would
    tab.keyboard.press("ArrowRight")
    api.expect(tiles.nth(1)).to_be_focused()
    tab.keyboard.press("ArrowDown")
    across = tiles.evaluate_all("tiles => tiles.findIndex(tile => tile.offsetTop > tiles[0].offsetTop)")
    api.expect(tiles.nth(1 + across)).to_be_focused()
    tiles.nth(59).focus()
    tab.keyboard.press("ArrowRight")
    api.expect(tab.locator("#page-above")).to_have_value("2")
    api.expect(tiles.nth(0)).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    api.expect(tab.locator("#page-above")).to_have_value("1")
    api.expect(tiles.nth(59)).to_be_focused()
    tab.keyboard.press("/")
    api.expect(tab.locator("#find")).to_be_focused()
    tab.keyboard.type("1 x 4")
    api.expect(tab.locator(".parts .option:visible")).to_have_count(1)
    tab.keyboard.press("Escape")
    api.expect(tab.locator(".parts .option:visible")).to_have_count(3)
    tab.locator("#page-above").fill("3")
    tab.locator("#page-above").press("Enter")
    api.expect(tiles).to_have_count(32)
    assert query(tab) == {"page": ["3"]}


def test_pages_by_links(tab: "api.Page") -> None:
    seen = set()
    for number in (1, 2, 3):
        api.expect(tab.locator("#page-above")).to_have_value(str(number))
        seen |= set(tab.locator(".tiles a").evaluate_all("tiles => tiles.map(tile => tile.dataset.id)"))
        if number < 3:
            tab.get_by_role("navigation", name="Pages, above").get_by_label("Next page").click()
    assert len(seen) == 152


def test_a_phone_shows_pictures_first(browser: "api.Browser", address: str) -> None:
    with browser.new_context(base_url=address, viewport={"width": 390, "height": 844}) as context:
        page = context.new_page()
        for path in ("/", "/?part=3003&part=3010&light=flash&source=synthetic&split=train", "/image/p000064_v00"):
            page.goto(path)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        page.goto("/")
        api.expect(page.locator("#filters")).to_be_hidden()
        page.get_by_role("button", name="Filters").click()
        page.locator("#part-3003").check()
        api.expect(page.locator("#chosen")).to_have_text(re.compile("1"))


def test_text_stands_out_in_both_dresses(browser: "api.Browser", address: str) -> None:
    """WCAG 2.2, 1.4.3: 4.5 to 1 between text and what lies behind it."""
    for dress in ("light", "dark"):
        with browser.new_context(base_url=address, color_scheme=dress) as context:
            page = context.new_page()
            for path in ("/?part=3003", "/image/p000064_v00"):
                page.goto(path)
                assert page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const light = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = getComputedStyle(node).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = [];
  for (const node of document.querySelectorAll("body *")) {
    const words = [...node.childNodes].some(child => child.nodeType === 3 && child.textContent.trim());
    if (!words || !node.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (node.closest(".unseen, .skip, [aria-hidden=true], noscript")) continue;
    const bar = node.closest(".option")?.querySelector(".measure rect");
    for (const ground of [behind(node), ...(bar ? [getComputedStyle(bar).fill] : [])]) {
      const [a, b] = [light(getComputedStyle(node).color), light(ground)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) weak.push(`${node.className || node.tagName} ${ratio}: ${node.textContent.trim().slice(0, 30)}`);
    }
  }
  return weak;
}"""
