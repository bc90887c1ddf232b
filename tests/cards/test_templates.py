"""Rendering: a missing number stops it, and none is typed into a template."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lema_hub.artifacts.manifest import Manifest
from lema_hub.cards import templates
from lema_hub.errors import InputError
from tests.built import build_dataset, preview


def test_a_template_cannot_render_a_number_that_is_missing() -> None:
    with pytest.raises(InputError, match="undefined"):
        templates.render("dataset_cards/parts/versions.md.jinja", {})
    with pytest.raises(InputError, match="Undefined"):
        templates.render(
            "dataset_cards/parts/versions.md.jinja", {"history": [{"version": "1.0.0", "changes": []}]}
        )
    with pytest.raises(InputError, match="a value is None"):
        templates.render(
            "dataset_cards/parts/load.md.jinja",
            {"repo_id": None, "default_config": "a", "default_split": "b", "version": "1.0.0"},
        )


def test_no_number_is_typed_into_a_template() -> None:
    """Outside of code, links and the papers' citations, digits in the templates come from the context."""
    import re

    for path in (*Path("dataset_cards").rglob("*.md.jinja"), *Path("model_cards").rglob("*.md.jinja")):
        if path.name == "citation.md.jinja":
            continue
        text = re.sub(
            r"```.*?```|\{\{.*?\}\}|\{%.*?%\}|\([^)]*arxiv[^)]*\)", "", path.read_text(), flags=re.DOTALL
        )
        assert re.findall(r"(?<![\w-])\d+(?!-bit|-256)", text) == [], path


def test_foreign_text_cannot_break_the_card(tmp_path: Path) -> None:
    folder = build_dataset(tmp_path)
    made = Manifest.read(folder)
    nasty = "x | <script>alert(1)</script>\n# heading `code` ```"
    spoiled = replace(
        made,
        command=f"lema build\n```\n{nasty}",
        stages=(replace(made.stages[0], name=nasty, dropped={nasty: 50}), made.stages[1]),
        models=(replace(made.models[0], name=nasty),),
    )
    spoiled.write(folder)
    card = preview(folder)
    import re

    outside = re.sub(r"^(`{3,})\w*\n.*?^\1$", "", card, flags=re.DOTALL | re.MULTILINE)
    outside = re.sub(r"(`+)[^`\n].*?\1", "", outside)
    assert "<script>" not in outside
    assert "\n# heading" not in outside
    tables = [line for line in outside.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)
