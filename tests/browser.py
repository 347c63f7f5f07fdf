"""Pages in headless Chromium: what goes wrong in a tab fails the test that opened it."""

import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

# Told on the console where a test has cut the connection, or has the server refuse.
CONNECTION = re.compile(r"Failed to load resource: (net::ERR_|the server responded with a status of [45]\d\d)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Return Chromium. A module ends it, since while it runs this process's main thread has an event loop."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    api.expect.set_options(timeout=20_000)  # a busy machine is no fault
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_tab(browser: Any, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Return ``open_tab(address, **context)``, which gives a tab of a window of its own, 1280 by 800 in English.

    A script that fails, an error on the console, or a page in a file that asks for anything of the network fails the
    test at its end; under ``browser(without_connection=True)``, not what could not be loaded.
    """
    marker = request.node.get_closest_marker("browser")
    is_cut = marker is not None and marker.kwargs.get("without_connection", False)
    contexts: list[Any] = []
    wrong: list[str] = []

    def open_(address: str, **context: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en", **context}))
        tab = contexts[-1].new_page()
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        if address.startswith("file:"):
            tab.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
        tab.goto(address)
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert [message for message in wrong if not (is_cut and CONNECTION.match(message))] == []


def expect(subject: Any) -> Any:
    """Return playwright's assertions on a tab or on some of its elements; they wait."""
    from playwright.sync_api import expect

    return expect(subject)


@contextmanager
def serve(make_app: Callable[[int], Any], **config: Any) -> Iterator[str]:
    """Serve ``make_app(port)`` from a thread, at a port that is free, and give its address."""
    import uvicorn

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        server = uvicorn.Server(
            uvicorn.Config(make_app(port), log_level="warning", ws="none", timeout_graceful_shutdown=1, **config)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        yield f"http://127.0.0.1:{port}"
        server.should_exit = True
        thread.join()


def weak_texts(tab: Any, *, besides: str = "noscript") -> list[str]:
    """Return which visible texts stand out by less than 4.5 to 1 from what lies behind them (WCAG 2.2, 1.4.3).

    Args:
        tab: the open page.
        besides: a CSS selector of what is not looked at.
    """
    return list(tab.evaluate(CONTRASTS, besides))


CONTRASTS = """besides => {
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
    if (node.closest(besides)) continue;
    const bar = node.closest(".option")?.querySelector(".measure rect");
    for (const ground of [behind(node), ...(bar ? [getComputedStyle(bar).fill] : [])]) {
      const [a, b] = [light(getComputedStyle(node).color), light(ground)].sort((x, y) => y - x);
      const ratio = (a + 0.05) / (b + 0.05);
      if (ratio < 4.5) weak.push(`${node.className || node.tagName} ${ratio}: ${node.textContent.trim().slice(0, 30)}`);
    }
  }
  return weak;
}"""
