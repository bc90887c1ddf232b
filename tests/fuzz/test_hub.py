"""Files of a Hub: manifests, histories, training records, cards and weights are read, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lema_hub.artifacts.history import read_history
from lema_hub.artifacts.manifest import Manifest
from lema_hub.artifacts.model import read_shapes
from lema_hub.artifacts.training import Training
from lema_hub.cards.metadata import check_card
from lema_hub.config import read_json
from tests.fuzz.conftest import said

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MANIFEST = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("kind", "task", "seed", "inputs", "stages", "configs", "tokens", "schema"), VALUES
    ),
)
SHAPES = st.dictionaries(
    st.text(max_size=6),
    VALUES | st.fixed_dictionaries({"dtype": VALUES, "shape": VALUES, "data_offsets": VALUES}),
    max_size=4,
)


@given(value=MANIFEST | VALUES)
def test_a_document_is_read_or_refused(value: Any) -> None:
    text = json.dumps(value)
    said(lambda: Manifest.from_json(text))
    said(lambda: read_history(text))
    said(lambda: read_json(text, Training, source="training.json"))


@given(header=st.text(max_size=80) | VALUES.map(json.dumps), body=st.text(max_size=20))
def test_a_card_is_read_or_refused(header: str, body: str) -> None:
    said(lambda: check_card(f"---\n{header}\n---\n{body}", files=(), ours=False))


@given(header=SHAPES, data=st.binary(max_size=16), cut=st.integers(0, 40))
def test_a_header_of_weights_is_read_or_refused(
    header: Any, data: bytes, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = json.dumps(header).encode()
    path = Path(tmp_path_factory.getbasetemp()) / "fuzzed.safetensors"
    path.write_bytes((len(content).to_bytes(8, "little") + content + data)[: -cut or None])
    said(lambda: read_shapes(path))
