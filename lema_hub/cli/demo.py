"""`lema demo`: the Gradio page that finds, explains and corrects the mistake of a solution."""

from __future__ import annotations

import logging
import signal
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def demo(
    adapter: Annotated[
        str | None, typer.Option(help="Adapter to offer: a folder, or a Hub id such as ORG/NAME@v0.1.0.")
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Its base model, if not the one it names: a folder or a Hub id.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="Base URL of an OpenAI-compatible endpoint; the key is OPENAI_API_KEY.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model to ask there; without --endpoint, at OpenAI.")
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="Corrector prompt for the endpoint; lema-correction for a served LeMa model.")
    ] = "lema-corrector-gsm8k",
    ledger: Annotated[
        Path | None, typer.Option(help="File that remembers answers, so that none is asked twice.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Hard limit on the cost of the ledger's answers, in US dollars.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[
        int | None, typer.Option(help="Port; 0 for any free one, none for the first free one from 7860.")
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="Name under which the page may be asked, besides localhost and --host."),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")
    ] = True,
) -> None:
    """The Gradio demo: find, explain and correct a mistake.

    The exact corrector of the nano world is always there; an adapter and an endpoint can be added.
    """
    open_page(
        adapter=adapter,
        base=base,
        endpoint=endpoint,
        model=model,
        prompt=prompt,
        ledger=ledger,
        budget=budget,
        host=host,
        port=port,
        allowed_hosts=allowed_host or (),
        browser=browser,
    )


def open_page(
    *,
    adapter: str | None = None,
    base: str | None = None,
    endpoint: str | None = None,
    model: str | None = None,
    prompt: str = "lema-corrector-gsm8k",
    ledger: Path | None = None,
    budget: float | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    allowed_hosts: Sequence[str] = (),
    browser: bool = True,
) -> None:
    """Serve the page until Ctrl-C; its address is one line on stdout.

    Raises:
        LemaError: The settings do not fit, a corrector cannot be loaded, or the port is taken.
    """
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    from lema_hub.demo import Settings
    from lema_hub.demo.page import launch

    logging.basicConfig(level=logging.WARNING)
    with _ended_in_order(), tempfile.TemporaryDirectory(prefix="lema-demo-") as folder:
        settings = Settings(
            adapter=adapter,
            base=base,
            endpoint=endpoint,
            model=model,
            prompt=prompt,
            ledger=ledger or Path(folder) / "ledger.sqlite",  # else for this run only
            budget_usd=budget,
        )
        if adapter is not None:
            typer.echo(f"loading {adapter} ...", err=True)
        served = launch(settings, host=host, port=port, browser=browser, allowed_hosts=allowed_hosts)
        typer.echo(served.url)
        typer.echo("Ctrl-C ends it.", err=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            typer.echo(err=True)
        finally:
            served.close()


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block as an exception does: by themselves they leave its folder behind."""

    def end(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
