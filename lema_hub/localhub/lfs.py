"""Uploads of large files: permission slips in the form of signed urls, and the batch that hands them out.

The client sends the bytes without its token. So the url itself is the capability: it names one repo, one
content (sha256), one size and a time of expiry, and carries an HMAC over them under the server's own key.
"""

import base64
import hashlib
import hmac
import json
import sqlite3
import time
from dataclasses import asdict, dataclass
from typing import Final

from lema_hub.localhub.errors import ApiError

LIFETIME_SECONDS: Final = 6 * 3600
MAX_OBJECT_BYTES: Final = 50 * 1000**3
MAX_BATCH: Final = 1000
# A client sends a part again when it fails, not the whole file.
PART_BYTES: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Slip:
    """The right to upload one content to one repo until a time (seconds since 1970).

    `part_bytes` is 0 for an upload in one request, else the size of each part but the last.
    """

    repo: int
    sha256: str
    size: int
    expires: int
    part_bytes: int = 0

    def part(self, number: int) -> tuple[int, int]:
        """Offset and size of a part; the first has number 1.

        Raises:
            ApiError: 404 if the upload has no such part.
        """
        offset = (number - 1) * self.part_bytes
        if number < 1 or not 0 <= offset < self.size or self.part_bytes == 0:
            raise ApiError(404, f"This upload has no part {number}")
        return offset, min(self.part_bytes, self.size - offset)

    @property
    def parts(self) -> int:
        """Number of parts."""
        return -(-self.size // self.part_bytes) if self.part_bytes else 0


class Signer:
    """Makes and reads upload slips.

    Args:
        key: The server's secret.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, slip: Slip) -> str:
        """The slip as one url segment."""
        body = base64.urlsafe_b64encode(json.dumps(asdict(slip)).encode()).decode().rstrip("=")
        return f"{body}.{self._seal(body)}"

    def open(self, text: str) -> Slip:
        """The slip that a url segment carries.

        Raises:
            ApiError: 403 if it was not made by this server or has expired.
        """
        body, _, seal = text.partition(".")
        if not hmac.compare_digest(self._seal(body).encode(), seal.encode(errors="replace")):
            raise ApiError(403, "Upload url is not genuine: ask the LFS batch endpoint for one")
        slip = Slip(**json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))))
        if slip.expires < time.time():
            raise ApiError(403, "Upload url has expired: ask the LFS batch endpoint for a new one")
        return slip

    def _seal(self, body: str) -> str:
        return hmac.new(self._key, b"lfs-upload:" + body.encode(errors="replace"), hashlib.sha256).hexdigest()


def check_object(oid: object, size: object) -> str | None:
    """What is wrong with an object that a client announces, or None."""
    if not isinstance(oid, str) or len(oid) != 64 or not set(oid) <= set("0123456789abcdef"):
        return "oid must be a sha256 in 64 lower-case hex digits"
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        return "size must be a whole number of bytes"
    return f"size must be at most {MAX_OBJECT_BYTES} bytes, got {size}" if size > MAX_OBJECT_BYTES else None


def is_held(db: sqlite3.Connection, repo: int, sha256: str) -> bool:
    """Whether this repo holds the content already; marks it as wanted, so that no collection removes it now.

    Another repo's blobs do not count: to know a sha256 is not the right to its bytes.
    """
    touched = db.execute(
        "UPDATE blob SET touched_at = ? WHERE repo = ? AND sha256 = ? AND NOT removed",
        (time.time(), repo, sha256),
    )
    return touched.rowcount > 0
