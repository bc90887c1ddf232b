"""The number of parameters in a safetensors file, read off its header.

    8 bytes: length of the header | the header, JSON: {"name": {"dtype": "F32", "shape": [2, 3], ...}, ...} | the data

Source: https://huggingface.co/docs/safetensors/index#format. Whoever may write to a repo writes these headers, and
everybody who lists models has them read.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from lema_hub.localhub import bounds, strictjson

_DTYPE = re.compile(r"[A-Z0-9_]{1,16}")
_MOST: Final = 2**63


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says: its length in bytes, and the number of parameters by dtype."""

    size: int
    parameters: dict[str, int]


@lru_cache(maxsize=1024)
def read(path: Path) -> Header | None:
    """The header of a file; None if it has no sound one. A blob never changes, so it is read once.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > bounds.SAFETENSORS_BYTES:
            return None
        text = file.read(size)
    if len(text) < size:
        return None
    try:
        return Header(size, _count(strictjson.loads(text)))
    except ValueError:
        return None


def _count(header: Any) -> dict[str, int]:
    if not isinstance(header, dict):
        raise ValueError("not a JSON object")
    counts: dict[str, int] = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        dtype = tensor.get("dtype") if isinstance(tensor, dict) else None
        if not isinstance(dtype, str) or not _DTYPE.fullmatch(dtype):
            raise ValueError(f"tensor {name!r:.80} has no dtype")
        counts[dtype] = counts.get(dtype, 0) + _size(tensor.get("shape"))
        if counts[dtype] > _MOST or len(counts) > bounds.SAFETENSORS_DTYPES:
            raise ValueError("more parameters or dtypes than any model has")
    return counts


def _size(shape: object) -> int:
    if not isinstance(shape, list) or len(shape) > bounds.SAFETENSORS_RANK:
        raise ValueError(f"shape {shape!r:.80}")
    size = 1
    for side in shape:
        if not isinstance(side, int) or isinstance(side, bool) or not 0 <= side <= _MOST:
            raise ValueError(f"shape {shape!r:.80}")
        size *= side
        if size > _MOST:
            raise ValueError(f"shape {shape!r:.80}")
    return size
