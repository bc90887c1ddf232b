"""`lema doctor`: what is installed, what can run here, and what is misconfigured, with the remedy."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Literal

import typer

from lema_hub import __version__

app = typer.Typer(add_completion=False, rich_markup_mode=None)

Level = Literal["ok", "note", "problem"]

EXTRAS = {
    "hub": ("starlette", "uvicorn"),
    "train": ("torch", "transformers", "peft", "bitsandbytes", "trl", "accelerate"),
    "eval": ("lighteval", "scipy", "matplotlib"),
    "demo": ("gradio",),
    "vllm": ("vllm",),
}
_SECRETS = ("HF_TOKEN", "OPENAI_API_KEY")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis; `remedy` is empty where nothing needs doing."""

    level: Level
    subject: str
    text: str
    remedy: str = ""


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _packages() -> Iterator[Finding]:
    for extra, packages in EXTRAS.items():
        missing = [package for package in packages if _installed(package) is None]
        have = ", ".join(f"{package} {_installed(package)}" for package in packages if package not in missing)
        if missing:
            text = f"not installed: {', '.join(missing)}" + (f" (installed: {have})" if have else "")
            yield Finding("note", extra, text, f"pip install 'lema_hub[{extra}]'")
        else:
            yield Finding("ok", extra, have)
    for unwanted in ("torchvision", "torchaudio", "torchcodec"):
        if _installed(unwanted) and "cpu" in (_installed("torch") or ""):
            yield Finding(
                "problem",
                unwanted,
                "its CUDA build breaks transformers, trl and peft beside a CPU build of torch",
                f"pip uninstall {unwanted}",
            )


def _hub() -> Iterator[Finding]:
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError

    endpoint = constants.ENDPOINT
    local = "huggingface.co" not in endpoint
    if local and not constants.HF_HUB_DISABLE_XET and find_spec("hf_xet"):
        yield Finding(
            "problem",
            "xet",
            f"{endpoint} is not a xet server, and uploads would ask it for xet tokens",
            "export HF_HUB_DISABLE_XET=1 before starting Python",
        )
    try:
        user = HfApi().whoami()
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        yield Finding(
            "problem" if os.environ.get("HF_TOKEN") else "note",
            "Hub",
            f"{endpoint} answers, but there is no valid token (HTTP {status})",
            'export HF_TOKEN=..., or hf auth login; for the embedded Hub: eval "$(lema hub env)"',
        )
    except Exception as error:  # whatever the transport raises is the diagnosis
        if type(error).__name__ == "LocalTokenNotFoundError":
            yield Finding("note", "Hub", f"{endpoint}: no token", "export HF_TOKEN=..., or hf auth login")
        else:
            remedy = (
                "lema hub serve" if local else "check the network, or use the embedded Hub: lema hub serve"
            )
            yield Finding(
                "problem" if local else "note",
                "Hub",
                f"{endpoint} cannot be reached ({type(error).__name__})",
                remedy,
            )
    else:
        yield Finding("ok", "Hub", f"{endpoint} knows you as {user['name']!r}")


def _device() -> Iterator[Finding]:
    if find_spec("torch") is None:
        return
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        gib = torch.cuda.get_device_properties(0).total_memory / 2**30
        yield Finding(
            "ok",
            "device",
            f"{torch.cuda.device_count()} x {name}, {gib:.0f} GiB: training, vLLM and evaluation can run",
        )
    else:
        yield Finding(
            "note",
            "device",
            f"no GPU, {os.cpu_count()} CPU cores: the nano world runs; real backbones need a GPU",
        )
    if not torch.cuda.is_available() and os.environ.get("OMP_WAIT_POLICY", "").lower() != "passive":
        yield Finding(
            "note",
            "threads",
            "busy OpenMP threads slow each other down tenfold on a shared CPU",
            "export OMP_WAIT_POLICY=passive",
        )


def _nano() -> Iterator[Finding]:
    from lema_hub.nano import backbone_path

    shipped = (backbone_path() / "model.safetensors").is_file()
    yield (
        Finding("ok", "nano backbone", "shipped with the package")
        if shipped
        else Finding(
            "problem",
            "nano backbone",
            "missing from the package",
            "python scripts/make_nano_backbone.py --out lema_hub/nano/checkpoint",
        )
    )


def _environment() -> Iterator[Finding]:
    yield Finding(
        "ok",
        "lema_hub",
        f"{__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    )
    for name in _SECRETS:
        if value := os.environ.get(name):
            yield Finding("ok", name, f"set ({len(value)} characters, not shown)")


@app.command()
def doctor(as_json: bool = typer.Option(False, "--json", help="Print findings as JSON.")) -> None:
    """Show what is installed, what can run here and what is misconfigured; secrets are never shown."""
    findings = [*_environment(), *_packages(), *_device(), *_nano(), *_hub()]
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
        for finding in findings:
            remedy = f"\n{'':25}-> {finding.remedy}" if finding.remedy else ""
            typer.echo(f"{marks[finding.level]} {finding.subject:16} {finding.text}{remedy}")
        problem = next((finding for finding in findings if finding.level == "problem"), None)
        typer.echo(f"next: {problem.remedy if problem else 'lema quickstart'}")
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)
