"""Names that clients choose: repo ids, ref names, file paths. Checked here, and never mapped to the disk.

A path that is accepted here can be checked out on Linux, macOS and Windows: no traversal, no `.git` under any of
its names, no device such as `NUL`, none of the characters that one of them keeps for itself, and nothing
that cannot be seen. Two names that differ only in case or Unicode form are the caller's to
refuse (`fold` gives the common form), because that needs the names beside it.
"""

import re
import unicodedata
from typing import Final, Literal

from lema_hub.localhub import bounds
from lema_hub.localhub.errors import ApiError

RepoType = Literal["model", "dataset", "space"]

PLURALS: Final[dict[str, RepoType]] = {"models": "model", "datasets": "dataset", "spaces": "space"}
URL_PREFIXES: Final[dict[RepoType, str]] = {"model": "", "dataset": "datasets/", "space": "spaces/"}

_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")
_REF_FORBIDDEN = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")
# What Windows takes for a device, with any suffix, and the short name that it gives to `.git`.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|com[0-9\xb9\xb2\xb3]|lpt[0-9\xb9\xb2\xb3]) *(?:\..*)?",
    re.IGNORECASE,
)
_GIT_SHORT_NAME = re.compile(r"git~[0-9]+", re.IGNORECASE)
_WINDOWS_FORBIDDEN: Final = frozenset('<>:"|?*')
# Default-ignorable characters outside the category Cf (Unicode, DerivedCoreProperties.txt): fillers, a joiner
# and marks that show nothing.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\uffa0\U000e0000-\U000e0fff]"
)
# They turn a character into its picture or back, as file names with emoji have it; a version needs none.
_VARIATION_SELECTORS = re.compile("[\ufe00-\ufe0f]")
_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
# First segments of the server's own urls; a namespace of that name would shadow them.
_RESERVED = frozenset(
    {
        "api",
        "models",
        "datasets",
        "spaces",
        "collections",
        "buckets",
        "kernels",
        "resolve",
        "docs",
        "settings",
    }
)


def check_name(name: str, what: str) -> str:
    """Return a namespace or repo name, or refuse it with 400.

    The rules are those of ``huggingface_hub.utils.validate_repo_id``: letters, digits, ``-_.``, at most 96,
    neither ``--`` nor ``..``, no ``.git`` at the end.
    """
    legal = len(name) <= 96 and _NAME.fullmatch(name) and "--" not in name and ".." not in name
    if not legal or name.lower().endswith(".git"):
        raise ApiError(
            400,
            f"Invalid {what} {name!r:.120}: use 1 to 96 letters, digits, '-', '_' or '.', "
            "not '--' or '..', not starting or ending with '-' or '.', not ending with '.git'",
        )
    if what == "namespace" and name.lower() in _RESERVED:
        raise ApiError(400, f"Invalid namespace {name!r}: the name is reserved")
    return name


def check_ref_name(name: str, what: str) -> str:
    """Return a branch or tag name, or refuse it with 400.

    The rules are those of ``git check-ref-format``; and clients keep a file of that name in their caches.
    """
    parts = name.split("/")
    illegal = (
        not name
        or _hidden_character(name)
        or len(name.encode()) > bounds.REF_BYTES
        or _REF_FORBIDDEN.search(name)
        or name in ("@", "HEAD")
        or name.startswith(("-", "refs/"))
        or name.endswith(".")
        or _WINDOWS_FORBIDDEN & set(name)
        or any(not part or part.startswith(".") or part.endswith(".lock") for part in parts)
        or any(_DEVICE.fullmatch(part) for part in parts)
        or _COMMIT_ID.fullmatch(name)
        or _VARIATION_SELECTORS.search(name)
    )
    if illegal:
        raise ApiError(400, f"Invalid {what} name {name!r:.120}: git or a file system does not accept it")
    return name


def check_file_path(path: str) -> str:
    """Return a path inside a repo, or refuse it with 422."""
    reason = _path_fault(path)
    if reason is not None:
        raise ApiError(422, f"Invalid path {path!r:.120}: {reason}")
    return path


def _path_fault(path: str) -> str | None:
    try:
        encoded = path.encode()
    except UnicodeEncodeError:
        return "not valid Unicode"
    if not path:
        return "empty"
    if len(encoded) > bounds.PATH_BYTES:
        return f"longer than {bounds.PATH_BYTES} bytes"
    if path.startswith("/"):
        return "absolute"
    if "\\" in path:
        return "contains a backslash"
    if (hidden := _hidden_character(path)) is not None:
        return f"contains the character U+{ord(hidden):04X}, which cannot be seen"
    if (kept := _WINDOWS_FORBIDDEN & set(path)) != frozenset():
        return f"contains {min(kept)!r}, which Windows forbids"
    for segment in path.split("/"):
        if segment in ("", ".", ".."):
            return f"contains the segment {segment!r}"
        if segment.endswith((" ", ".")):
            return "contains a segment that ends with a space or a dot, which Windows removes"
        if _DEVICE.fullmatch(segment):
            return f"contains {segment!r:.40}, which is a device on Windows"
        if fold(segment) == ".git" or _GIT_SHORT_NAME.fullmatch(segment):
            return "contains a '.git' segment"
        if len(segment.encode()) > bounds.SEGMENT_BYTES:
            return f"contains a segment longer than {bounds.SEGMENT_BYTES} bytes"
    return None


def _hidden_character(name: str) -> str | None:
    """The first character that shows nothing: a control, a format, half a surrogate pair, a filler; or None."""
    for char in name:
        if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            return char
    found = _INVISIBLE.search(name)
    return found and found[0]


def fold(name: str) -> str:
    """The form under which names clash on file systems that ignore case or normalise Unicode."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def is_commit_id(text: str) -> bool:
    """Whether the text has the form of a full commit id (40 lower-case hex digits)."""
    return _COMMIT_ID.fullmatch(text) is not None
