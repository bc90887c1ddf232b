"""The configuration of the demo, from options and from a Space's variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from lema_hub.demo import Settings
from lema_hub.errors import InputError


def test_without_settings_only_the_exact_corrector_is_there() -> None:
    assert [corrector.key for corrector in Settings.from_environment({"PATH": "/bin"}).correctors()] == [
        "exact"
    ]


def test_every_setting_has_its_variable() -> None:
    settings = Settings.from_environment(
        {
            "LEMA_DEMO_ADAPTER": "lema/nano-lema-qlora@v0.1.0",
            "LEMA_DEMO_BASE": "org/base",
            "LEMA_DEMO_ENDPOINT": "http://127.0.0.1:8000/v1",
            "LEMA_DEMO_MODEL": "m",
            "LEMA_DEMO_PROMPT": "lema-correction",
            "LEMA_DEMO_LEDGER": "book.sqlite",
            "LEMA_DEMO_BUDGET_USD": "2.50",
        }
    )
    assert settings == Settings(
        adapter="lema/nano-lema-qlora@v0.1.0",
        base="org/base",
        endpoint="http://127.0.0.1:8000/v1",
        model="m",
        prompt="lema-correction",
        ledger=Path("book.sqlite"),
        budget_usd=2.5,
    )


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"LEMA_DEMO_ADAPTOR": "x"}, "LEMA_DEMO_ADAPTOR is not a variable"),
        ({"LEMA_DEMO_MODEL": "m", "LEMA_DEMO_BUDGET_USD": "much", "LEMA_DEMO_LEDGER": "x"}, "is 'much'"),
        ({"LEMA_DEMO_ENDPOINT": "http://127.0.0.1:1"}, "needs a model"),
        ({"LEMA_DEMO_BASE": "org/base"}, "has no adapter"),
        ({"LEMA_DEMO_MODEL": "m", "LEMA_DEMO_BUDGET_USD": "1"}, "counted in a ledger"),
    ],
)
def test_settings_that_do_not_fit_are_refused(variables: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Settings.from_environment(variables)


def test_empty_variables_count_as_absent() -> None:
    assert Settings.from_environment({"LEMA_DEMO_ADAPTER": "", "LEMA_DEMO_PROMPT": ""}) == Settings()
