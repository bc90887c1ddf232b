"""The demo's page: choose or type a problem and a wrong solution, press the button, read the diagnosis.

    launch(Settings(adapter="runs/lema/adapter"))

Gradio renders the controls and queues the requests; each runs in one of its worker threads. Models that run
here answer one at a time, endpoints several. The result is HTML of our own (`render`), in which every text is
escaped. The page asks nothing of the internet: its fonts come with Gradio.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import webbrowser
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass
from random import Random
from threading import Lock, Thread
from typing import Any

from lema_hub.demo import examples, render
from lema_hub.demo.correctors import Corrector
from lema_hub.demo.diagnose import diagnose
from lema_hub.demo.settings import Settings
from lema_hub.demo.taxonomy import NAMES
from lema_hub.engines import Request, Sampling
from lema_hub.errors import InputError, LemaError, MissingExtraError
from lema_hub.nano import NanoProblem, load
from lema_hub.records import ErrorType
from lema_hub.redaction import redact

try:
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI
    from starlette.middleware import Middleware
    from starlette.middleware.cors import CORSMiddleware

    from lema_hub.demo.guard import MAX_BODY, Guard, Hosts
    from lema_hub.demo.theme import css, theme
except ImportError as error:
    raise MissingExtraError("gradio", "demo") from error

TITLE = "Find the mistake"
RIGHT = "right"
"""The choice without a mistake."""

OWN = "own"
"""The choice of a problem that is not in the list, and of a solution that comes with no problem."""

_AT_ONCE = 4
_PORTS = range(7860, 7960)
_WAITING = 64  # requests in the queue; more are told to come back
_OWN_SOLUTION = [("Your own solution", OWN)]
_PREFERRED: tuple[ErrorType, ...] = ("PV", "CV", "OP", "MS", "CA", "QM", "CC", "UC", "HA", "CS")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Served:
    """A page that is being served at `url`; `close` ends it."""

    url: str
    close: Callable[[], None]


def launch(
    settings: Settings,
    *,
    host: str | None = None,
    port: int | None = None,
    browser: bool = False,
    allowed_hosts: Sequence[str] = (),
) -> Served:
    """Serves the page; returns as soon as it can be opened.

    Args:
        settings: What the page offers.
        host: The address to listen on; without it GRADIO_SERVER_NAME, which Spaces set, or this machine only.
        port: The port; 0 takes any free one, None GRADIO_SERVER_PORT or the first free one from 7860 on.
        browser: Open it in the default browser.
        allowed_hosts: Names that the page is known by, besides localhost and its address.

    Raises:
        LemaError: A corrector cannot be loaded, or the port is taken.
    """
    host = host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"
    with closing(_listen(host, port)) as listener:  # a taken port fails before anything loads
        correctors = settings.correctors()
        examples.recognise("")  # makes the index of known problems, once
        for corrector in correctors:
            _warm(corrector)
        with ThreadPoolExecutor(1) as apart:  # the caller may have a loop of its own
            server = apart.submit(
                asyncio.run, _server(correctors, settings, Hosts.of(host, allowed_hosts))
            ).result()
        thread = Thread(target=server.run, args=([listener.dup()],), daemon=True)
        shown = "localhost" if host == "0.0.0.0" else f"[{host}]" if ":" in host else host  # noqa: S104
        url = f"http://{shown}:{listener.getsockname()[1]}"
    thread.start()
    while not server.started:
        thread.join(0.05)
        if not thread.is_alive():
            raise InputError(f"the page at {url} did not start; give another --host or --port")

    def close() -> None:
        server.should_exit = True
        thread.join()

    if browser:
        webbrowser.open(url)
    return Served(url, close)


async def _server(correctors: Sequence[Corrector], settings: Settings, hosts: Hosts) -> uvicorn.Server:
    """The server of the page; nobody but the page itself gets answers from it.

    Where no event loop runs, Gradio makes one for each of its locks and never closes it: so this is a coroutine.
    """
    # Gradio leaves answers to other sites to an application that decides about them itself: nobody gets any.
    app = FastAPI(
        openapi_url=None,
        middleware=[Middleware(Guard, hosts=hosts), Middleware(CORSMiddleware, allow_origins=())],
    )
    gr.mount_gradio_app(
        app,
        build(correctors, settings),
        path="/",
        ssr_mode=False,
        run_history=False,
        footer_links=[],
        show_error=False,
        max_file_size=MAX_BODY,
        theme=theme(),
        css=css(),
    )
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, timeout_keep_alive=30)
    )


def build(correctors: Sequence[Corrector], settings: Settings) -> gr.Blocks:
    """The page as Gradio Blocks.

    Args:
        correctors: Who can be chosen; the first one is chosen at first.
        settings: Ledger and budget of the requests.
    """
    by_key = {corrector.key: corrector for corrector in correctors}
    chosen = correctors[0]
    first = examples.shown()[1]
    first_kind = _first_kind(first)
    local = Lock()

    def find(question: str, solution: str, key: str) -> str:
        corrector = by_key[key]
        with local if corrector.engine.name == "transformers" else nullcontext():
            try:
                found = diagnose(
                    question,
                    solution,
                    corrector=corrector,
                    ledger=settings.ledger,
                    budget_usd=settings.budget_usd,
                )
            except LemaError as error:
                _logger.info("no diagnosis: %s", error)
                return render.note(redact(str(error)))
        return render.diagnosis(found)

    def describe(key: str) -> str:
        return render.about(by_key[key])

    with gr.Blocks(title=TITLE, analytics_enabled=False) as page:
        gr.HTML(render.heading(), apply_default_css=False, elem_id="heading")
        with gr.Row(elem_id="given"):
            with gr.Column(min_width=300):
                listed = gr.Dropdown(
                    [
                        *((_short(problem), problem.problem.problem_id) for problem in examples.shown()),
                        ("Another problem: type it, or draw one", OWN),
                    ],
                    value=first.problem.problem_id,
                    label="Choose a problem",
                    filterable=False,
                    elem_id="listed",
                )
                question = gr.Textbox(
                    first.problem.question,
                    label="Problem",
                    lines=5,
                    max_lines=10,
                    placeholder="Type a word problem",
                    elem_id="question",
                )
            with gr.Column(min_width=300):
                mistake = gr.Dropdown(
                    _kinds(first),
                    value=first_kind,
                    label="Choose a mistake",
                    filterable=False,
                    elem_id="mistake",
                )
                solution = gr.Textbox(
                    _solution(first, first_kind),
                    label="Solution",
                    lines=5,
                    max_lines=16,
                    placeholder="Type its steps, one on each line; the last one gives the answer",
                    elem_id="solution",
                )
        corrector = gr.Radio(
            [(each.name, each.key) for each in correctors],
            value=chosen.key,
            label="Corrector",
            elem_id="corrector",
        )
        about = gr.HTML(render.about(chosen), apply_default_css=False, elem_id="about")
        with gr.Row(elem_id="ask"):
            button = gr.Button(TITLE, variant="primary", size="lg", elem_id="find")
            another = gr.Button("Draw another problem", size="lg", elem_id="another")
        result = gr.HTML(render.waiting(), apply_default_css=False, elem_id="result")

        quick = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        listed.input(_choose_problem, listed, [question, mistake, solution, result], **quick)
        another.click(_draw, None, [question, mistake, solution, result], **quick)
        # Not `input`: it comes with key presses only, not when text is pasted by mouse.
        question.change(
            _read_problem, [question, mistake], [listed, mistake], trigger_mode="multiple", **quick
        )
        mistake.input(_choose_mistake, [question, mistake], [solution, result], **quick)
        corrector.input(describe, corrector, about, **quick)
        gr.on(
            [button.click, solution.submit],
            find,
            [question, solution, corrector],
            result,
            concurrency_limit=_AT_ONCE,
            show_progress="minimal",
            scroll_to_output=True,
            api_visibility="private",
        )
    page.queue(max_size=_WAITING)
    return page


def _show(problem: NanoProblem) -> tuple[Any, ...]:
    """Question, mistakes, solution and result for a problem that is new on the page."""
    kind = _first_kind(problem)
    return (
        problem.problem.question,
        gr.update(choices=_kinds(problem), value=kind, interactive=True),
        _solution(problem, kind),
        render.waiting(),
    )


def _choose_problem(problem_id: str) -> tuple[Any, ...]:
    if problem_id != OWN:
        return _show(load(problem_id))
    return "", gr.update(choices=_OWN_SOLUTION, value=OWN, interactive=False), "", render.waiting()


def _draw() -> tuple[Any, ...]:
    return _show(examples.draw(Random()))


def _read_problem(question: str, kind: str | None) -> tuple[Any, ...]:
    """The entry of the list that the problem is, and the mistakes that it has room for."""
    problem = examples.recognise(question)
    if problem is None:
        return OWN, gr.update(choices=_OWN_SOLUTION, value=OWN, interactive=False)
    kinds = _kinds(problem)
    kept = kind if kind in [value for _, value in kinds] else None
    listed = problem.problem.problem_id if problem in examples.shown() else OWN
    return listed, gr.update(choices=kinds, value=kept, interactive=True)


def _choose_mistake(question: str, kind: str) -> tuple[Any, ...]:
    problem = examples.recognise(question)
    return (_solution(problem, kind) if problem else gr.update()), render.waiting()


def _warm(corrector: Corrector) -> None:
    """Loads a model that runs here, so that it fails before the page opens and not at the first question."""
    if corrector.engine.name == "transformers":
        _logger.info("loading %s", corrector.name)
        list(corrector.engine.generate([Request(prompt="Question:", sampling=Sampling(max_tokens=1))]))


def _kinds(problem: NanoProblem) -> list[tuple[str, str]]:
    """The mistakes that a problem has room for, as (words, value) of a list of choices."""
    kinds = examples.mistakes(problem.problem.problem_id)
    return [*((NAMES[kind], str(kind)) for kind in kinds), ("No mistake: a right solution", RIGHT)]


def _first_kind(problem: NanoProblem) -> str:
    """A telling mistake of the problem."""
    kinds = examples.mistakes(problem.problem.problem_id)
    return next((kind for kind in _PREFERRED if kind in kinds), RIGHT)


def _solution(problem: NanoProblem, kind: str) -> str:
    problem_id = problem.problem.problem_id
    by_kind = {str(name): text for name, text in examples.mistakes(problem_id).items()}
    return by_kind.get(kind) or examples.right_solution(problem_id)


def _short(problem: NanoProblem) -> str:
    """A problem as an entry of the list."""
    return (
        f"{str(problem.problem.subject).capitalize()}: {problem.problem.question[:64].rsplit(' ', 1)[0]} ..."
    )


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens; without a port at GRADIO_SERVER_PORT, or at the first free one from 7860 on."""
    given = os.environ.get("GRADIO_SERVER_PORT", "") if port is None else str(port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in (int(given),) if given.isdecimal() else _PORTS:
        try:
            return socket.create_server((host, number), family=family)
        except (OSError, OverflowError) as error:
            refused = error
    raise InputError(
        f"the demo cannot listen on port {number} of {host} ({refused}); give another --port"
    ) from refused
