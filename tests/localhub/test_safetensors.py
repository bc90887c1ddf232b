"""Headers of safetensors files, sound and hostile."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lema_hub.localhub import safetensors
from tests.localhub.test_bounds import commit

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from tests.localhub.conftest import Send


def packed(header: object) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text


def tensor(*shape: object, dtype: object = "F32") -> dict[str, Any]:
    return {"a": {"dtype": dtype, "shape": list(shape), "data_offsets": [0, 4]}}


def read(tmp_path: Path, content: bytes) -> safetensors.Header | None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    safetensors.read.cache_clear()
    return safetensors.read(path)


def test_parameters_are_counted_by_dtype(tmp_path: Path) -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "F32", "shape": [], "data_offsets": [24, 28]},
        "c": {"dtype": "BF16", "shape": [0, 5], "data_offsets": [28, 28]},
    }
    found = read(tmp_path, packed(header))
    assert found is not None
    assert found.parameters == {"F32": 7, "BF16": 0}


HOSTILE: dict[str, bytes] = {
    "nan": packed(b'{"a":{"dtype":"F32","shape":[NaN]}}'),
    "text": packed(tensor("x", 1_500_000_000)),
    "nested": packed(tensor([0], 1_500_000_000)),
    "huge": packed(b'{"a":{"dtype":"F32","shape":[' + b",".join([b"9" * 4000] * 900) + b"]}}"),
    "product": packed(tensor(*[2**62] * 16)),
    "rank": packed(tensor(*[1] * 17)),
    "negative": packed(tensor(-1)),
    "float": packed(tensor(1.5)),
    "boolean": packed(tensor(True)),
    "dtype": packed(tensor(1, dtype=["F32"])),
    "dtypes": packed({str(n): tensor(1, dtype=f"F{n}")["a"] for n in range(100)}),
    "list": packed([1]),
    "no tensor": packed({"a": 1}),
    "length": struct.pack("<Q", 2**63) + b"{}",
    "short": b"\1",
    "cut": struct.pack("<Q", 100) + b"{}",
    "deep": packed(b"[" * 100_000),
    "unicode": packed(b'{"\\ud800":1}'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_say_nothing(name: str, tmp_path: Path) -> None:
    assert read(tmp_path, HOSTILE[name]) is None


def test_one_hostile_model_does_not_hide_the_others(api: HfApi, send: Send) -> None:
    for name in ("nan", "text", "huge"):
        api.create_repo(f"lema/tensors-{name}")
        answer = commit(send, f"lema/tensors-{name}", {"model.safetensors": HOSTILE[name]}, kind="models")
        assert answer.status == 200
        assert api.model_info(f"lema/tensors-{name}").safetensors is None
    listed = {model.id for model in api.list_models(full=True)}
    assert {"lema/tensors-nan", "lema/tensors-text", "lema/tensors-huge"} <= listed


def test_the_headers_of_a_repo_have_one_limit(
    api: HfApi, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.create_repo("lema/tensors-shards")
    shards = {f"model-{n}.safetensors": packed({**tensor(n + 1), "pad": tensor(1)["a"]}) for n in range(3)}
    assert commit(send, "lema/tensors-shards", shards, kind="models").status == 200
    info = api.model_info("lema/tensors-shards").safetensors
    assert info is not None
    assert info.total == 1 + 2 + 3 + 3
    monkeypatch.setattr(
        "lema_hub.localhub.bounds.SAFETENSORS_BYTES", len(packed(shards["model-0.safetensors"])) * 2
    )
    assert api.model_info("lema/tensors-shards").safetensors is None
