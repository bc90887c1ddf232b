"""Nothing is published that was not compared with the test sets, and everybody can compare it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from lema_hub.artifacts.manifest import Allowed, Contamination, HeldOutUse, Manifest
from lema_hub.errors import HubError, InputError
from lema_hub.hub.publish import publish_dataset
from lema_hub.hub.verify import Check, verify
from lema_hub.tasks.held_out import load_scored
from tests.built import corrections, write_rows


def change(folder: Path, edit: Callable[[Contamination], Contamination | None]) -> None:
    manifest = Manifest.read(folder)
    assert manifest.contamination is not None
    replace(manifest, contamination=edit(manifest.contamination)).write(folder)


def leak(folder: Path) -> str:
    """Put a test question into a row, and give its id."""
    test = load_scored("nano")[7]
    rows = corrections("train", 12)
    told = replace(rows[3], completion=f"{rows[3].completion} As in: {test.question.upper()}")
    write_rows(folder, "nano", "train", [*rows[:3], told, *rows[4:]])
    return test.problem_id


def checks(api: HfApi, repo_id: str, name: str = "contamination") -> list[Check]:
    return [check for check in verify(repo_id, api=api).checks if check.name == name]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda record: None, "has no contamination record in its manifest; build it again"),
        (lambda record: replace(record, tests=()), "has no contamination record"),
        (
            lambda record: replace(record, tests=(replace(record.tests[0], name="own.jsonl"),)),
            "was built before the test set 'nano' was scored",
        ),
        (
            lambda record: replace(
                record,
                tests=(*record.tests, replace(record.tests[0], name="math", missing="no such host")),
            ),
            r"was not compared with the test set 'math' \(no such host\); build again .*without",
        ),
    ],
)
def test_what_was_not_compared_is_not_published(
    built: Path,
    repo_id: str,
    api: HfApi,
    edit: Callable[[Contamination], Contamination | None],
    message: str,
) -> None:
    change(built, edit)
    with pytest.raises(InputError, match=message):
        publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert not api.repo_exists(repo_id, repo_type="dataset")


def test_an_excuse_is_published_and_stays_a_note(built: Path, repo_id: str, api: HfApi) -> None:
    missing = HeldOutUse(
        name="math",
        repo=None,
        revision=None,
        questions=0,
        hits=0,
        missing="no such host",
        excuse="no algebra",
    )
    change(built, lambda record: replace(record, tests=(*record.tests, missing)))
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    card = Path(api.hf_hub_download(repo_id, "README.md", repo_type="dataset")).read_text(encoding="utf-8")
    assert "| `math` | not compared: no algebra | | not known |" in card
    assert [(check.verdict, check.detail) for check in checks(api, repo_id)] == [
        ("note", "not compared with math: no algebra"),
        ("pass", "no row holds a test question of nano 1,000"),
    ]


def test_verify_finds_a_test_question_that_the_record_denies(built: Path, repo_id: str, api: HfApi) -> None:
    test_id = leak(built)
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    (check,) = checks(api, repo_id)
    assert check.verdict == "fail"
    assert f"{test_id} (whole, " in check.detail
    assert "in completion): " in check.detail


def test_an_allowed_question_is_a_note_and_stands_in_the_card(built: Path, repo_id: str, api: HfApi) -> None:
    test_id = leak(built)
    allowed = Allowed(test=test_id, why="the example of our paper", rows=1)
    change(built, lambda record: replace(record, allowed=(allowed,)))
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    assert [check.verdict for check in checks(api, repo_id)] == ["pass"]
    (found,) = checks(api, repo_id, "allowed")
    assert found.verdict == "note"
    assert found.detail == f"holds 1 allowed test questions: {test_id} in 1 rows (the example of our paper)"
    card = Path(api.hf_hub_download(repo_id, "README.md", repo_type="dataset")).read_text(encoding="utf-8")
    assert (
        f"Kept with the test question `{test_id}`: 1. The builder's reason: the example of our paper." in card
    )


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        (Allowed(test="nano/test/no-such", why="a reason", rows=1), "is not a question of any test set"),
        (Allowed(test="", why="a reason", rows=0), "counts 0 rows with the allowed test question"),
    ],
)
def test_an_allowance_that_does_not_hold_fails(
    built: Path, repo_id: str, api: HfApi, allowed: Allowed, said: str
) -> None:
    test_id = leak(built)
    change(built, lambda record: replace(record, allowed=(replace(allowed, test=allowed.test or test_id),)))
    publish_dataset(built, repo_id, version="0.1.0", api=api)
    (found,) = checks(api, repo_id, "allowed")
    assert found.verdict == "fail"
    assert said in found.detail


def test_an_allowance_without_a_reason_is_not_published(built: Path, repo_id: str, api: HfApi) -> None:
    allowed = Allowed(test=leak(built), why=" ", rows=1)
    change(built, lambda record: replace(record, allowed=(allowed,)))
    with pytest.raises(
        InputError, match=r"allows the test question .* without a reason; give one in the recipe"
    ):
        publish_dataset(built, repo_id, version="0.1.0", api=api)


def test_what_cannot_be_compared_again_is_a_note(
    built: Path, repo_id: str, api: HfApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(name: str) -> list[object]:
        raise HubError(f"{name} could not be loaded; check the endpoint")

    publish_dataset(built, repo_id, version="0.1.0", api=api)
    monkeypatch.setattr("lema_hub.hub.contamination.load_scored", gone)
    assert [check.verdict for check in checks(api, repo_id)] == ["note"]
