"""The exceptions of lema_hub. Every message is one line: the value, what was expected, what to do.

LemaError
├── InputError          a row, a file or an argument that cannot be used
│   ├── FormatError     a text that is not in the format it should be in
│   └── RecipeError     an unknown, missing or ill-typed key of a YAML recipe
├── EngineError         text could not be generated (dead endpoint, bad key, out of budget)
│   └── BudgetError     the next request would exceed the budget
├── HubError            a Hub refused or could not be reached
│   ├── TagExistsError     a version that is published already
│   ├── StaleParentError   somebody else's commit came first
│   └── SlowDownError      a rate limit is reached
└── MissingExtraError   an optional package is not installed
"""

from __future__ import annotations


class LemaError(Exception):
    """Base of all errors that a user can cause or cure; the CLI prints it as one line and exits with 1."""


class InputError(LemaError):
    """A row, a file or an argument that cannot be used."""


class FormatError(InputError):
    """A text that is not in the format it should be in."""


class RecipeError(InputError):
    """An unknown, missing or ill-typed key of a YAML recipe."""


class EngineError(LemaError):
    """Text could not be generated."""


class BudgetError(EngineError):
    """The next request would exceed the budget."""


class HubError(LemaError):
    """A Hub refused a request or could not be reached."""


class TagExistsError(HubError):
    """A version that is published already; published versions never change."""


class StaleParentError(HubError):
    """Somebody else's commit came first; build the commit again on the new head."""


class SlowDownError(HubError):
    """The Hub's rate limit is reached; `seconds` is how long it asks to wait."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class MissingExtraError(LemaError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'lema_hub[{extra}]'")
