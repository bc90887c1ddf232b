"""What the demo offers beside the exact corrector: an adapter, an endpoint, and where answers are remembered.

`lema demo` takes it from its options, a Space from its variables:

    LEMA_DEMO_ADAPTER=lema/nano-lema@v0.1.0  LEMA_DEMO_ENDPOINT=https://...  LEMA_DEMO_MODEL=...
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from lema_hub.demo.correctors import Corrector, adapter, endpoint, exact
from lema_hub.errors import InputError

PREFIX = "LEMA_DEMO_"
PROMPT = "lema-corrector-gsm8k"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The demo's configuration.

    Attributes:
        adapter: A folder, or a Hub id with or without `@revision`.
        base: The adapter's base model; read from the adapter's configuration unless given.
        endpoint: The base URL of an OpenAI-compatible endpoint; needs `model`.
        model: The model to ask there; without `endpoint`, at OpenAI itself.
        prompt: The corrector prompt for the endpoint.
        ledger: The file in which answers are remembered; None remembers nothing.
        budget_usd: A hard limit on the cost of everything in the ledger.
    """

    adapter: str | None = None
    base: str | None = None
    endpoint: str | None = None
    model: str | None = None
    prompt: str = PROMPT
    ledger: Path | None = None
    budget_usd: float | None = None

    def __post_init__(self) -> None:
        if self.endpoint is not None and self.model is None:
            raise InputError(f"the endpoint {self.endpoint!r} needs a model; give --model or {PREFIX}MODEL")
        if self.base is not None and self.adapter is None:
            raise InputError(f"the base {self.base!r} has no adapter; give --adapter or {PREFIX}ADAPTER")
        if self.budget_usd is not None and self.ledger is None:
            raise InputError(
                f"a budget of ${self.budget_usd:.2f} is counted in a ledger; give --ledger or {PREFIX}LEDGER"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The settings in the variables `LEMA_DEMO_*`; empty ones count as absent.

        Raises:
            InputError: A variable of that prefix is unknown, the budget is not a number, or settings contradict each
                other.
        """
        given = {name: value for name, value in environment.items() if name.startswith(PREFIX) and value}
        known = {PREFIX + field.name.upper() for field in dataclasses.fields(cls)}
        if unknown := sorted(given.keys() - known):
            raise InputError(
                f"{unknown[0]} is not a variable of the demo; expected one of {', '.join(sorted(known))}"
            )
        budget, ledger = given.get(f"{PREFIX}BUDGET_USD"), given.get(f"{PREFIX}LEDGER")
        try:
            budget_usd = float(budget) if budget else None
        except ValueError as error:
            raise InputError(
                f"{PREFIX}BUDGET_USD is {budget!r}; expected a number of US dollars, as in 2.50"
            ) from error
        return cls(
            adapter=given.get(f"{PREFIX}ADAPTER"),
            base=given.get(f"{PREFIX}BASE"),
            endpoint=given.get(f"{PREFIX}ENDPOINT"),
            model=given.get(f"{PREFIX}MODEL"),
            prompt=given.get(f"{PREFIX}PROMPT", PROMPT),
            ledger=Path(ledger) if ledger else None,
            budget_usd=budget_usd,
        )

    def correctors(self) -> tuple[Corrector, ...]:
        """All correctors, the exact one first.

        Raises:
            LemaError: The adapter or its base cannot be loaded, or the prompt is unknown.
        """
        found = [exact()]
        if self.adapter is not None:
            found.append(adapter(self.adapter, base=self.base))
        if self.model is not None:
            found.append(endpoint(self.model, base_url=self.endpoint, prompt=self.prompt))
        return tuple(found)
