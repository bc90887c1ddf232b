"""Which files git-lfs takes (`.gitattributes`) and which are not uploaded at all (`.gitignore`)."""

from collections.abc import Iterator
from typing import Final

from lema_hub.localhub.globs import Rules, split_lines

# Above this a file goes through git-lfs whatever the patterns say, as on huggingface.co.
REGULAR_MAX_BYTES: Final = 10_000_000
PATTERN_FILES: Final = (".gitattributes", ".gitignore")

_LFS_PATTERNS: Final = """
*.7z *.arrow *.avro *.bin *.bz2 *.ckpt *.ftz *.gz *.h5 *.joblib *.lz4 *.mlmodel *.model *.msgpack *.npy
*.npz *.onnx *.ot *.parquet *.pb *.pickle *.pkl *.pt *.pth *.rar *.safetensors *.tar *.tflite *.tgz *.wasm
*.xz *.zip *.zst *.pcm *.sam *.raw *.aac *.flac *.mp3 *.ogg *.wav *.bmp *.gif *.png *.tiff *.jpg *.jpeg
*.webp *.mp4 *.webm *.tar.* *tfevents* saved_model/**/*
"""

DEFAULT_GITATTRIBUTES: Final = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in _LFS_PATTERNS.split()
)


def lfs_rules(gitattributes: str) -> Rules:
    """The paths that a `.gitattributes` text sends through git-lfs; a later line wins, as in git.

    Raises:
        ApiError: 400 if it has too many patterns.
    """
    return Rules(_lfs_lines(gitattributes), nested=False)


def _lfs_lines(text: str) -> Iterator[str]:
    for line in split_lines(text):
        pattern, *attributes = line.split()[:20] or [""]
        if not pattern or pattern.startswith(("#", "!", "[attr]")):
            continue
        if "filter=lfs" in attributes:
            yield pattern
        elif any(attribute.lstrip("-!").split("=")[0] == "filter" for attribute in attributes):
            yield "!" + pattern


def ignore_rules(gitignore: str) -> Rules:
    """The paths that a `.gitignore` text leaves out.

    Raises:
        ApiError: 400 if it has too many patterns.
    """
    return Rules(split_lines(gitignore), nested=True)


def check_pattern_file(path: str, text: str) -> None:
    """Refuse a `.gitattributes` or `.gitignore` that no upload could be checked against.

    Raises:
        ApiError: 400 if it has too many patterns.
    """
    lfs_rules(text) if path == ".gitattributes" else ignore_rules(text)


def upload_mode(path: str, size: int, sample: bytes, rules: Rules) -> str:
    """``"lfs"`` or ``"regular"``: by pattern, size and, for content with NUL bytes, by its first bytes."""
    if size == 0:
        return "regular"
    large = size > REGULAR_MAX_BYTES or b"\0" in sample
    return "lfs" if large or rules.matches(path) else "regular"
