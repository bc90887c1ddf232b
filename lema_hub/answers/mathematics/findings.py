"""What a comparison finds out, and how the findings of the parts add up.

>>> all_of(["equal", "unknown"])
'unknown'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Finding = Literal["equal", "different", "unknown"]


def known(same: bool) -> Finding:
    """The finding of a comparison that is sure of its result."""
    return "equal" if same else "different"


def all_of(findings: Iterable[Finding]) -> Finding:
    """`equal` if all parts are; the first part that differs ends the comparison."""
    unsettled = False
    for finding in findings:
        if finding == "different":
            return "different"
        unsettled = unsettled or finding == "unknown"
    return "unknown" if unsettled else "equal"
