"""Packages that are not installed: one line that says what to type, whichever command needs them.

The libraries of an extra are imported deep inside a command. `explained` names the extra wherever such an import
fails; `require` asks for them before a command begins a long run.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec

from lema_hub.errors import LemaError, MissingExtraError

EXTRAS = {
    "openai": "batch",
    "starlette": "hub", "uvicorn": "hub",
    "accelerate": "train", "bitsandbytes": "train", "peft": "train", "torch": "train", "transformers": "train",
    "trl": "train",
    "lighteval": "eval", "matplotlib": "eval",
    "fastapi": "demo", "gradio": "demo",
    "vllm": "vllm",
}  # fmt: skip
"""The extra that installs a package, by the name that is imported."""

BASE = (
    "aiohttp", "datasets", "datasketch", "httpx2", "huggingface_hub", "jinja2", "math_verify", "numpy", "pyarrow",
    "rich", "safetensors", "scipy", "sympy", "tenacity", "typer", "yaml",
)  # fmt: skip
"""What every installation has, by the name that is imported."""


def explained(error: ModuleNotFoundError) -> LemaError:
    """The error that says how to install the package that an import did not find.

    Raises:
        ModuleNotFoundError: The same, if it is not a package that we ask for: then it is a bug.
    """
    name = (error.name or "").partition(".")[0]
    if name in EXTRAS:
        return MissingExtraError(name, EXTRAS[name])
    if name in BASE:
        return LemaError(f"{name} is not installed; run: pip install lema_hub")
    raise error


def require(*packages: str) -> None:
    """Refuse to begin without these packages; the line names the extras of all that are missing.

    Raises:
        MissingExtraError: One of them is not installed.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        extras = dict.fromkeys(EXTRAS[name] for name in missing)
        raise MissingExtraError(missing[0], ",".join(extras))


def stop(error: ModuleNotFoundError) -> None:
    """End the process with the line on stderr; for imports that fail before there is a command."""
    sys.exit(f"lema: {explained(error)}")
