"""The page in headless Chromium: what stands on it, what it refuses, and whom it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from lema_hub import nano
from lema_hub.demo import Settings, examples
from lema_hub.demo.page import RIGHT, TITLE, launch
from lema_hub.demo.taxonomy import NAMES
from lema_hub.steps import split_steps
from tests.demo.conftest import Learned

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")
HOSTILE = (
    "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>${window.hacked = 3}{{7*7}}"
)

READABLE = (
    "#heading p",
    "#about p",
    "#find",
    ".diagnosis h2",
    ".diagnosis .why",
    ".step.kept .text",
    ".step.wrong .text",
    ".step.wrong mark",
    ".step.wrong .tag",
    ".step.changed .text",
    ".step.changed mark",
    ".facts dt",
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("demo"),
    # gradio's queue counts its requests with deprecated options of pandas
    pytest.mark.filterwarnings("ignore:'future.no_silent_downcasting' is deprecated"),
    pytest.mark.filterwarnings("ignore:The copy keyword is deprecated"),
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]


@pytest.fixture(scope="module")
def url(learned: Learned, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo that offers the exact corrector, the small adapter and a dead endpoint."""
    settings = Settings(
        adapter=str(learned.adapter),
        endpoint="http://127.0.0.1:9/v1",
        model="some-model",
        ledger=tmp_path_factory.mktemp("demo") / "ledger.sqlite",
    )
    served = launch(settings, port=0)
    yield served.url
    served.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.is_file():
        pytest.skip(f"no {CHROMIUM}: install Debian's chromium (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, url: str) -> Iterator[Page]:
    """The open page; afterwards: nobody else was asked, no script failed, and no text ran."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(30_000)
    asked: set[str] = set()
    failed: list[str] = []
    page.on("request", lambda request: asked.add(request.url))
    page.on(
        "response",
        lambda reply: failed.append(f"{reply.status} {reply.url}") if reply.status >= 400 else None,
    )
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto(url)
    page.locator("#find").wait_for()
    yield page
    hosts = {urlsplit(address).hostname for address in asked if not address.startswith(("data:", "blob:"))}
    assert hosts == {"127.0.0.1"}
    assert failed == []
    assert page.evaluate("window.hacked") is None
    context.close()


def _find(page: Page) -> None:
    page.get_by_role("button", name=TITLE).click()


def _choose(page: Page, corrector: str) -> None:
    page.locator("#corrector").get_by_label(corrector).check()


def _pick(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option).first.click()


def _write(page: Page, *, question: str | None = None, solution: str | None = None) -> None:
    for label, text in (("Problem", question), ("Solution", solution)):
        if text is not None:
            page.get_by_label(label, exact=True).fill(text)


def test_the_first_mistake_is_marked_explained_and_corrected(page: Page) -> None:
    problem = examples.shown()[1]
    solution = page.get_by_label("Solution", exact=True).input_value()
    truth = nano.check(problem, split_steps(solution))
    assert truth.first_wrong is not None
    assert truth.error_type is not None
    _choose(page, "Exact corrector")
    width = page.locator("#given").bounding_box()["width"]
    _find(page)
    assert page.locator(".diagnosis h2").inner_text() == f"Step {truth.first_wrong} is wrong"
    assert page.locator("#given").bounding_box()["width"] == width  # the page does not jump
    assert NAMES[truth.error_type] in page.locator(".diagnosis .kind").inner_text()
    assert page.locator(".diagnosis .why").inner_text().strip()
    original, corrected = page.locator(".columns ol").all()
    assert original.locator("li").count() == len(split_steps(solution))
    assert original.locator("li.wrong .number").all_inner_texts() == [str(truth.first_wrong)]
    assert original.locator("li.wrong").get_by_text("first wrong step").is_visible()
    assert original.locator("li.kept").count() == truth.first_wrong - 1
    assert corrected.locator("li.kept").count() >= truth.first_wrong - 1
    assert corrected.locator("li.changed").count() >= 1
    assert nano.check(problem, tuple(corrected.locator(".text").all_inner_texts())).ok
    assert problem.problem.answer in page.locator(".facts").inner_text()


def test_choosing_another_problem_and_another_mistake_fills_the_form(page: Page) -> None:
    problem = examples.shown()[0]
    _pick(page, "Choose a problem", "Ages")
    page.wait_for_function(
        "text => document.querySelector('#question textarea').value === text", arg=problem.problem.question
    )
    wrong = examples.mistakes(problem.problem.problem_id)
    assert page.get_by_label("Solution", exact=True).input_value() in wrong.values()
    _pick(page, "Choose a mistake", NAMES["OP"])
    page.wait_for_function(
        "text => document.querySelector('#solution textarea').value === text", arg=wrong["OP"]
    )
    _choose(page, "Exact corrector")
    _find(page)
    page.locator(".diagnosis .kind", has_text=NAMES["OP"]).wait_for()


def test_a_right_solution_is_called_right(page: Page) -> None:
    before = page.get_by_label("Solution", exact=True).input_value()
    _pick(page, "Choose a mistake", f"No mistake: a {RIGHT} solution")
    page.wait_for_function("text => document.querySelector('#solution textarea').value !== text", arg=before)
    _choose(page, "Exact corrector")
    _find(page)
    page.locator(".diagnosis.right h2", has_text="No mistake found").wait_for()
    assert page.locator(".step.wrong, .step.changed").count() == 0


def test_an_adapter_is_shown_with_what_was_measured_and_checked(page: Page, learned: Learned) -> None:
    _choose(page, "Adapter adapter")
    page.locator("#about", has_text="not measured").wait_for()
    wrong = examples.mistakes(learned.problem.problem.problem_id)
    _write(page, solution=wrong[learned.found])
    _find(page)
    page.locator(".facts", has_text="agrees").wait_for()
    _write(page, solution=wrong[learned.missed])
    _find(page)
    page.locator(".facts", has_text="disagrees").wait_for()
    assert page.locator(".diagnosis h2").inner_text() == "Step 1 is wrong"
    assert page.locator(".facts .bad", has_text="wrong").is_visible()


@pytest.mark.parametrize(
    ("question", "solution", "said"),
    [
        (None, "", "The solution is empty."),
        ("", None, "The problem is empty."),
        (None, "... !!! ???", "This solution has no steps."),
        (None, "1 + 1 = 3. " * 910, "The solution has 10,00"),
        ("How many eggs are left?", None, "The exact corrector knows only the problems of the nano world"),
    ],
)
def test_bad_input_gives_a_sentence(
    page: Page, question: str | None, solution: str | None, said: str
) -> None:
    _choose(page, "Exact corrector")
    _write(page, question=question, solution=solution)
    _find(page)
    alert = page.get_by_role("alert")
    alert.filter(has_text=said).wait_for()
    assert "Traceback" not in page.content()
    assert "Error" not in alert.first.inner_text()


def test_hostile_text_is_shown_as_text(page: Page) -> None:
    problem = examples.shown()[1]
    _choose(page, "Exact corrector")
    _write(page, solution=f"Step 1: {HOSTILE} 1 + 1 = 3\nStep 2: The answer is 3.")
    _find(page)
    page.locator(".diagnosis").wait_for()
    assert HOSTILE in page.locator(".step.wrong .text").inner_text()
    assert page.locator("#result script, #result img, #result b b").count() == 0
    _write(page, question=HOSTILE, solution="Step 1: 1 + 1 = 3.")
    _find(page)
    page.get_by_role("alert").filter(has_text="The exact corrector knows only").wait_for()
    assert problem.problem.question not in page.get_by_label("Problem", exact=True).input_value()


def test_a_problem_that_is_typed_leaves_the_list_and_its_mistakes(page: Page) -> None:
    _write(page, question="How many eggs are left?")
    page.wait_for_function("document.querySelector('#listed input').value.startsWith('Another problem')")
    mistake = page.get_by_role("combobox", name="Choose a mistake")
    assert mistake.is_disabled()
    assert mistake.input_value() == "Your own solution"
    page.get_by_role("button", name="Draw another problem").click()
    page.wait_for_function("document.querySelector('#question textarea').value !== 'How many eggs are left?'")
    assert examples.recognise(page.get_by_label("Problem", exact=True).input_value()) is not None


def test_the_list_has_an_empty_form_for_other_problems(page: Page) -> None:
    _pick(page, "Choose a problem", "Another problem")
    page.wait_for_function("document.querySelector('#question textarea').value === ''")
    assert page.get_by_label("Solution", exact=True).input_value() == ""
    _find(page)
    page.get_by_role("alert").filter(has_text="The problem is empty.").wait_for()


def test_an_endpoint_that_is_not_running_is_a_sentence(page: Page) -> None:
    _choose(page, "some-model")
    _find(page)
    page.get_by_role("alert").filter(has_text="no answer from http://127.0.0.1:9/v1").wait_for()


def test_the_keyboard_is_enough(page: Page) -> None:
    page.get_by_label("Solution", exact=True).focus()
    reached = set()
    for _ in range(6):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.type"))
        if "find" in reached:
            break
    assert {"radio", "find"} <= reached
    page.keyboard.press("Enter")
    page.locator(".diagnosis").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_light_and_dark_and_at_phone_width(
    chromium: Browser, url: str, scheme: str
) -> None:
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 360, "height": 740})
    page = context.new_page()
    page.goto(url)
    _choose(page, "Exact corrector")
    _find(page)
    page.locator(".diagnosis").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    columns = [section.bounding_box() for section in page.locator(".columns section").all()]
    assert columns[0] is not None
    assert columns[1] is not None
    assert columns[1]["y"] >= columns[0]["y"] + columns[0]["height"]
    for part in READABLE:
        ratio = page.evaluate(_CONTRAST, part)
        assert ratio >= 4.5, f"{part} in {scheme}: contrast {ratio:.2f}"
    context.close()


# WCAG 2.2, 1.4.3: the contrast of an element's text with the first opaque background behind it
_CONTRAST = """selector => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const linear = c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const channel = value => linear(value / 255);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const element = document.querySelector(selector);
  const text = light(parse(getComputedStyle(element).color));
  let behind = element, back;
  do {
    back = parse(getComputedStyle(behind).backgroundColor);
    behind = behind.parentElement;
  } while (back.length === 4 && back[3] < 1 && behind);
  const ground = light(back);
  return (Math.max(text, ground) + 0.05) / (Math.min(text, ground) + 0.05);
}"""
