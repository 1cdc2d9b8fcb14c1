"""What a visitor sees, in a real browser, with JavaScript and without."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.system.harness import ROOT, System

LABELS = {"camera.png": "tripod", "coffee.png": "espresso", "flower.jpg": "daisy"}
PICTURES = [ROOT / "samples" / name for name in LABELS]
RESULT_MS = 60_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is missing")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=[True, False], ids=["JavaScript", "no JavaScript"])
def page(browser: Browser, system: System, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page whose errors fail the test."""
    context = browser.new_context(
        base_url=system.site, java_script_enabled=request.param, viewport={"width": 1100, "height": 1000}
    )
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda failed: wrong.append(f"{failed.url}: {failed.failure}"))
    page.on("response", lambda answer: wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    yield page
    context.close()
    assert wrong == []


def save_screenshot(page: Page, name: str, request: pytest.FixtureRequest) -> None:
    """Save what the page shows, where SCREENSHOTS names a folder."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder, f"{name}, {request.node.callspec.id}.png"), full_page=True)


def upload_three_pictures(page: Page) -> None:
    page.goto("/")
    page.set_input_files("input[type=file]", PICTURES)
    page.get_by_role("button", name="Classify").click()
    page.wait_for_url("**/upload/*/")


def expect_three_results(page: Page) -> None:
    """Each picture's card has its file name, its label, a confidence, five guesses and a thumbnail that is loaded."""
    cards = page.locator("article.card.done")
    expect(cards).to_have_count(len(LABELS), timeout=RESULT_MS)
    for file_name, label in LABELS.items():
        card = cards.filter(has_text=file_name)
        expect(card.get_by_role("heading")).to_contain_text(label)
        expect(card.get_by_role("heading")).to_contain_text("%")
        expect(card.get_by_role("listitem")).to_have_count(5)
    expect_thumbnails(page, cards.count())


def expect_thumbnails(page: Page, count: int) -> None:
    """The browser has loaded and decoded every thumbnail; Playwright may ask it, even with the page's scripts off."""
    images = page.locator("article.card.done img")
    expect(images).to_have_count(count)
    for image in images.all():
        image.scroll_into_view_if_needed()
        expect(image).not_to_have_js_property("naturalWidth", 0)


def test_three_pictures_are_uploaded_and_their_results_shown(page: Page, request: pytest.FixtureRequest):
    upload_three_pictures(page)
    expect_three_results(page)
    save_screenshot(page, "results", request)


def test_the_history_shows_what_was_uploaded(page: Page, request: pytest.FixtureRequest):
    upload_three_pictures(page)
    expect_three_results(page)
    page.get_by_role("link", name="History").click()
    for file_name, label in LABELS.items():
        card = page.locator("article.card.done").filter(has_text=file_name).first
        expect(card.get_by_role("heading")).to_contain_text(label)
    expect_thumbnails(page, page.locator("article.card.done").count())
    save_screenshot(page, "history", request)
