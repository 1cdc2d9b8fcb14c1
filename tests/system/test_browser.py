"""What a visitor sees, in a real browser, with JavaScript and without."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.system.harness import ADMIN, PASSWORD, ROOT, System

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


@pytest.fixture(scope="module")
def session(browser: Browser, system: System) -> Any:
    """The cookies of an administrator, logged in through the login page."""
    with visit(browser, system) as page:
        page.goto("/")
        page.get_by_label("Username").fill(ADMIN)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page).to_have_url(f"{system.site}/")
        return page.context.storage_state()


@pytest.fixture(params=[True, False], ids=["JavaScript", "no JavaScript"])
def page(browser: Browser, system: System, session: Any, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of the administrator's, with JavaScript and without."""
    with visit(browser, system, storage_state=session, java_script_enabled=request.param) as page:
        yield page


@contextmanager
def visit(browser: Browser, system: System, **options: Any) -> Iterator[Page]:
    """Yield a page. Its errors, including violations of the content security policy, fail the test."""
    context = browser.new_context(base_url=system.site, viewport={"width": 1100, "height": 1000}, **options)
    page = context.new_page()
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda failed: wrong.append(f"{failed.url}: {failed.failure}"))
    page.on("response", lambda answer: wrong.append(f"{answer.url}: {answer.status}") if answer.status >= 400 else None)
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def save_screenshot(page: Page, name: str, request: pytest.FixtureRequest) -> None:
    """Save a screenshot if SCREENSHOTS names a folder."""
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


@pytest.fixture
def scripted(browser: Browser, system: System, session: Any) -> Iterator[Page]:
    """A page of the administrator's, with JavaScript."""
    with visit(browser, system, storage_state=session) as page:
        yield page


def test_a_token_is_made_shown_once_and_revoked(page: Page, request: pytest.FixtureRequest):
    page.goto("/account/")
    name = f"of the test at {time.time()}"
    page.get_by_label("Name").fill(name)
    page.get_by_label("write").check()
    page.get_by_role("button", name="Create token").click()
    text = page.locator("#token").inner_text()
    row = page.locator("tr").filter(has_text=name)
    expect(row).to_contain_text(text[:8])
    save_screenshot(page, "account", request)
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")
    expect(page.get_by_text(text)).to_have_count(0)


def test_the_apis_documentation_works(scripted: Page):
    scripted.goto("/api/v1/docs")
    operation = scripted.locator(".opblock-get", has_text="List all")
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")


@pytest.mark.parametrize("path", ["", "classify_app/classification/", "classify_app/apitoken/", "auth/user/add/"])
def test_the_admin_works(scripted: Page, path: str):
    scripted.goto(f"/admin/{path}")
    expect(scripted.locator("#site-name")).to_contain_text("Image recognition")
    expect(scripted.locator("#toggle-nav-sidebar").or_(scripted.locator("#recent-actions-module"))).to_be_visible()


def test_a_classification_has_its_page_in_the_admin(scripted: Page):
    upload_three_pictures(scripted)
    expect_three_results(scripted)
    scripted.goto("/admin/classify_app/classification/")
    scripted.locator("#result_list .field-file_name a").first.click()
    expect(scripted.locator(".field-small_picture img")).not_to_have_js_property("naturalWidth", 0)
