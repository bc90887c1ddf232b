"""Which files git-lfs takes (`.gitattributes`) and which are not uploaded at all (`.gitignore`)."""

import re
from typing import Final

from pathspec import GitIgnoreSpec

from lema_hub.localhub.errors import ApiError

# Above this a file goes through git-lfs whatever the patterns say, as on huggingface.co.
REGULAR_MAX_BYTES: Final = 10_000_000
MAX_WILDCARDS: Final = 4

_STARS = re.compile(r"\*+")

_LFS_PATTERNS: Final = """
*.7z *.arrow *.avro *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lz4 *.mlmodel *.model *.msgpack *.npy
*.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors *.tar *.tflite *.tgz *.wasm
*.xz *.zip *.zst *.pcm *.sam *.raw *.aac *.flac *.mp3 *.ogg *.wav *.bmp *.gif *.png *.tiff *.jpg *.jpeg
*.webp *.mp4 *.webm *.tar.* *tfevents* saved_model/**/*
"""

DEFAULT_GITATTRIBUTES: Final = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LFS_PATTERNS.split()
)


def _spec(lines: list[str]) -> GitIgnoreSpec:
    # Patterns become regular expressions, whose time grows with the power of their wildcards.
    for line in lines:
        if len(_STARS.findall(line)) > MAX_WILDCARDS:
            raise ApiError(400, f"Invalid pattern {line!r:.80}: more than {MAX_WILDCARDS} wildcards")
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise ApiError(400, f"Invalid pattern in .gitattributes or .gitignore: {error}") from None


def lfs_patterns(gitattributes: str) -> GitIgnoreSpec:
    """The paths that a `.gitattributes` text sends through git-lfs; a later line wins, as in git."""
    lines = []
    for line in gitattributes.splitlines():
        pattern, *attributes = line.split()[:20] or [""]
        if not pattern or pattern.startswith(("#", "!", "[attr]")):
            continue
        if "filter=lfs" in attributes:
            lines.append(pattern)
        elif any(attribute.lstrip("-!").split("=")[0] == "filter" for attribute in attributes):
            lines.append("!" + pattern)
    return _spec(lines)


def ignored_paths(gitignore: str) -> GitIgnoreSpec:
    """The paths that a `.gitignore` text leaves out."""
    return _spec(gitignore.splitlines())


def upload_mode(path: str, size: int, sample: bytes, patterns: GitIgnoreSpec) -> str:
    """``"lfs"`` or ``"regular"``: by pattern, size and, for content with NUL bytes, by its first bytes."""
    if size == 0:
        return "regular"
    large = size > REGULAR_MAX_BYTES or b"\0" in sample
    return "lfs" if large or patterns.match_file(path) else "regular"
