"""Errors of the embedded Hub: what its caller sees in Python, and what its clients see over HTTP.

    HubError
    ├── ApiError           an answer to a client: status, message, X-Error-Code
    ├── DirectoryInUseError     another server process holds the directory
    ├── NotServingError         no server is running in the directory
    └── StorageDamagedError     a stored object does not match its name

The codes are those that ``huggingface_hub.utils.hf_raise_for_status`` maps to its own exceptions.
"""

import errno
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

ErrorCode = Literal["RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo"]


class HubError(Exception):
    """Base of everything that the embedded Hub raises on purpose."""


class DirectoryInUseError(HubError):
    """Another server already serves the directory."""


class NotServingError(HubError):
    """No server is running where one was expected."""


class StorageDamagedError(HubError):
    """A blob is missing from the disk or its bytes do not match its name."""


class ApiError(HubError):
    """An error answer to a client.

    Args:
        status: HTTP status.
        message: One line for the user; sent as JSON ``error`` and as ``X-Error-Message``.
        code: What the client library turns into its exception class.
        extra: Further members of the JSON body.
        headers: Further headers, e.g. ``X-Repo-Commit`` on a missing file.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: ErrorCode | None = None,
        *,
        extra: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})


def is_disk_full(error: BaseException) -> bool:
    """Whether an error of the system or of SQLite says that nothing more can be written."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    # SQLite reports a WAL or its index that cannot grow as an error of input or output.
    code = getattr(error, "sqlite_errorcode", 0) if isinstance(error, sqlite3.Error) else 0
    return code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE)


@contextmanager
def storage_errors(directory: Path) -> Iterator[None]:
    """Turn what the disk and the database report of a server's directory into one line.

    Raises:
        HubError: The disk is full, or something in the directory cannot be read or written.
    """
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        if is_disk_full(error):
            message = f"the disk of {directory} is full: make room on it, then try again"
        else:
            message = f"cannot use the directory {directory}: {error}"
        raise HubError(message) from error


def revision_not_found(revision: str) -> ApiError:
    """The answer to a branch, tag or commit that does not exist."""
    return ApiError(404, f"Invalid rev id: {revision}", "RevisionNotFound")


def entry_not_found(path: str, commit: str | None = None) -> ApiError:
    """The answer to a path that is not in the commit; names the commit so that clients cache the absence."""
    headers = {"X-Repo-Commit": commit} if commit is not None else None
    return ApiError(404, f"Entry not found: {path}", "EntryNotFound", headers=headers)
