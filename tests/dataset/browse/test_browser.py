"""The page in a real browser: filters by clicking, masks on hover, one picture, keys, the way back."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from browser import expect, serve, weak_texts

from dataset.browse.app import create_app
from dataset.browse.filters import Filter
from dataset.browse.snapshot import Snapshot
from dataset.dataset_folder import DatasetFolder

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(mixed: Path) -> Iterator[str]:
    """Serve `mixed` from a thread and give the address of its page."""
    with serve(lambda port: create_app(DatasetFolder.open(mixed), port), lifespan="off") as address:
        yield address


@pytest.fixture
def tab(open_tab: Callable[..., Any], address: str) -> Any:
    """Return a tab with the grid."""
    return open_tab(f"{address}/", base_url=address, viewport={"width": 1280, "height": 900})


@pytest.fixture(scope="module")
def snapshot(mixed: Path) -> Snapshot:
    return Snapshot(DatasetFolder.open(mixed))


def count_of(snapshot: Snapshot, **wanted: object) -> str:
    return str(len(snapshot.positions(Filter(**wanted))))  # type: ignore[arg-type]


def query(page: Any) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_filters_by_clicking_and_back_restores(tab: Any, snapshot: Snapshot) -> None:
    count = tab.locator("#count b")
    expect(count).to_have_text("152")
    tab.locator("#part-3003").check()
    expect(count).to_have_text(count_of(snapshot, parts=("3003",)))
    expect(tab.locator("#told")).to_contain_text("of 152 pictures")
    assert tab.evaluate("document.activeElement.value") == "3003"  # focus stays where one clicked
    tab.get_by_role("checkbox", name="flash").check()
    both = count_of(snapshot, parts=("3003",), choices=(("light", ("flash",)),))
    expect(count).to_have_text(both)
    assert query(tab) == {"part": ["3003"], "light": ["flash"]}
    assert tab.evaluate("document.activeElement.value") == "flash"
    tab.locator("#bricks_min").fill("2")
    tab.locator("#bricks_min").press("Enter")
    fewer = count_of(snapshot, parts=("3003",), choices=(("light", ("flash",)),), bricks_min=2.0)
    expect(count).to_have_text(fewer)
    assert fewer != both
    tab.go_back()
    expect(count).to_have_text(both)
    expect(tab.locator("#bricks_min")).to_have_value("")
    tab.go_back()
    expect(tab.get_by_role("checkbox", name="flash")).not_to_be_checked()
    expect(tab.locator("#part-3003")).to_be_checked()
    tab.go_forward()
    expect(count).to_have_text(both)
    tab.reload()
    expect(count).to_have_text(both)
    tab.locator(".chips a").first.click()
    expect(count).to_have_text(count_of(snapshot, choices=(("light", ("flash",)),)))
    expect(tab.locator("#part-3003")).not_to_be_checked()


@pytest.mark.slow
def test_hover_draws_masks_and_names_the_brick(tab: Any) -> None:
    tile = tab.locator('.tiles a[data-id="p000064_v00"]')
    assert tab.locator(".overlay").count() == 0
    tile.hover()
    masks = tile.locator(".overlay .mask")
    expect(masks.first).to_be_visible()
    drawing = tab.evaluate("fetch('/bricks/p000064_v00').then(answer => answer.json())")
    seen = [brick for brick in drawing["bricks"] if brick["mask"]]
    assert masks.count() == len(seen)
    brick = max(seen, key=lambda brick: brick["visible"])
    left, top, width, height = brick["box"]
    frame = tile.locator(".frame").bounding_box()
    assert frame is not None
    scale = frame["width"] / drawing["width"]
    tab.mouse.move(frame["x"] + (left + width / 2) * scale, frame["y"] + (top + height / 2) * scale)
    expect(tab.locator("#tip")).to_have_text(
        f"{brick['name']} · {brick['part']} · {round(brick['visible'] * 100)} % seen"
    )
    assert tile.locator(".marked .outline").first.evaluate("line => getComputedStyle(line).strokeDasharray") != ""
    box = masks.first.bounding_box()
    assert box is not None
    assert frame["x"] <= box["x"] + 2
    assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 2
    tab.mouse.move(5, 5)
    expect(tab.locator(".overlay")).to_have_count(0)
    expect(tab.locator("#tip")).to_be_hidden()


@pytest.mark.slow
def test_one_picture_its_layers_and_the_way_back(tab: Any) -> None:
    tab.goto("/?part=3003&page=2")
    first = tab.locator(".tiles a").first
    name = first.get_attribute("data-id")
    first.click()
    expect(tab.locator(".known h1")).to_have_text(str(name))
    expect(tab.locator(".overlay .mask").first).to_be_attached()
    assert "page" not in query(tab)
    tab.keyboard.press("o")
    tab.keyboard.press("m")
    assert query(tab)["show"] == ["outlines"]
    expect(tab.locator(".overlay .outline:not(.ground)").first).to_be_visible()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator(".known h1")).not_to_have_text(str(name))
    expect(tab.locator(".overlay")).to_be_attached()  # keys are heard from then on
    assert query(tab)["show"] == ["outlines"]
    assert query(tab)["part"] == ["3003"]
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator(".known h1")).to_have_text(str(name))
    expect(tab.locator(".overlay")).to_be_attached()
    tab.locator("#bricks tbody tr").first.hover()
    expect(tab.locator(".brick.marked")).to_have_count(1)
    tab.keyboard.press("Escape")
    expect(tab.locator(f'.tiles a[data-id="{name}"]')).to_be_focused()
    assert query(tab)["page"] == ["2"]
    for _ in range(4):
        tab.go_back()
    expect(tab.locator("#count b")).not_to_have_text("152")
    assert query(tab) == {"part": ["3003"], "page": ["2"]}


@pytest.mark.slow
def test_the_grid_by_keys(tab: Any) -> None:
    tiles = tab.locator(".tiles a")
    tab.keyboard.press("ArrowRight")
    expect(tiles.nth(0)).to_be_focused()
    expect(tiles.nth(0).locator(".overlay")).to_have_count(1)  # focus shows what the pointer would
    tab.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    tab.keyboard.press("ArrowDown")
    across = tiles.evaluate_all("tiles => tiles.findIndex(tile => tile.offsetTop > tiles[0].offsetTop)")
    expect(tiles.nth(1 + across)).to_be_focused()
    tiles.nth(59).focus()
    tab.keyboard.press("ArrowRight")
    expect(tab.locator("#page-above")).to_have_value("2")
    expect(tiles.nth(0)).to_be_focused()
    tab.keyboard.press("ArrowLeft")
    expect(tab.locator("#page-above")).to_have_value("1")
    expect(tiles.nth(59)).to_be_focused()
    tab.keyboard.press("/")
    expect(tab.locator("#find")).to_be_focused()
    tab.keyboard.type("1 x 4")
    expect(tab.locator(".parts .option:visible")).to_have_count(1)
    tab.keyboard.press("Escape")
    expect(tab.locator(".parts .option:visible")).to_have_count(3)
    tab.locator("#page-above").fill("3")
    tab.locator("#page-above").press("Enter")
    expect(tiles).to_have_count(32)
    assert query(tab) == {"page": ["3"]}


@pytest.mark.slow
def test_pages_by_links(tab: Any) -> None:
    seen = set()
    for number in (1, 2, 3):
        expect(tab.locator("#page-above")).to_have_value(str(number))
        seen |= set(tab.locator(".tiles a").evaluate_all("tiles => tiles.map(tile => tile.dataset.id)"))
        if number < 3:
            tab.get_by_role("navigation", name="Pages, above").get_by_label("Next page").click()
    assert len(seen) == 152


@pytest.mark.slow
def test_a_phone_shows_pictures_first(open_tab: Callable[..., Any], address: str) -> None:
    page = open_tab(f"{address}/", base_url=address, viewport={"width": 390, "height": 844})
    for path in ("/", "/?part=3003&part=3010&light=flash&source=synthetic&split=train", "/image/p000064_v00"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    page.goto("/")
    expect(page.locator("#filters")).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    page.locator("#part-3003").check()
    expect(page.locator("#chosen")).to_have_text(re.compile("1"))


@pytest.mark.slow
def test_text_stands_out_in_both_dresses(open_tab: Callable[..., Any], address: str) -> None:
    for dress in ("light", "dark"):
        for path in ("/?part=3003", "/image/p000064_v00"):
            page = open_tab(address + path, color_scheme=dress)
            assert weak_texts(page, besides=".unseen, .skip, [aria-hidden=true], noscript") == []
