"""Built datasets and trained models to publish: small, real (from the nano world), and the same every
time.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from random import Random

import pytest
from huggingface_hub import HfApi

from lema_hub import nano, prompts, records
from lema_hub.hub.manifest import Input, Manifest, ModelUse, PromptUse, Stage, Tokens
from lema_hub.hub.parquet import write_table
from lema_hub.hub.training import DataUse, Loss, Result, Training
from lema_hub.localhub import LocalHub, auth
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store
from lema_hub.records import Correction, CotExample, Gate, ReasoningPath, Rejection, Trajectory
from lema_hub.steps import format_correction, format_trajectory, join_steps

Build = Callable[..., Path]

SHA = "0123456789abcdef0123456789abcdef01234567"


def pytest_configure(config: pytest.Config) -> None:
    # huggingface_hub 2.4 uploads with a keyword that httpx2 deprecates (lfs.py, _upload_single_part).
    config.addinivalue_line("filterwarnings", "ignore:Use 'content=:DeprecationWarning")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


def _path(problem: nano.NanoProblem, steps: tuple[str, ...], *, verdict: records.Verdict) -> ReasoningPath:
    return ReasoningPath.make(
        problem_id=problem.problem.problem_id,
        model="lema/nano-backbone",
        model_revision="v0.1.0",
        engine="transformers",
        text=join_steps(steps),
        steps=steps,
        answer=steps[-1].removeprefix("The answer is ").removesuffix("."),
        verdict=verdict,
        prompt_id=prompts.load("lema-cot").id,
        temperature=0.7,
        top_p=1.0,
        seed=0,
        origin="injected" if verdict == "wrong" else "on_policy",
        error_type=None,
        finish_reason="stop",
    )


def corrections(split: str, n: int, *, start: int = 0) -> list[Correction]:
    """Injected mistakes of nano problems with their exact corrections."""
    rows = []
    for problem in nano.generate(split, n, start=start):
        rng = Random(problem.problem.problem_id)
        error_type, steps = nano.inject_any(problem, rng)
        path = _path(problem, steps, verdict="wrong")
        fixed = nano.correct(problem, steps, rng)
        rows.append(
            Correction(
                problem=problem.problem,
                path=path,
                incorrect_step=fixed.incorrect_step,
                error_type=error_type,
                explanation=fixed.explanation,
                correct_solution=join_steps((*steps[: fixed.incorrect_step - 1], *fixed.steps)),
                correct_steps=fixed.steps,
                corrector="nano-exact",
                corrector_prompt_id=prompts.load("lema-correction").id,
                answer_verdict="correct",
                gates=(Gate("format", "pass"), Gate("answer", "pass", 1.0)),
                cost_usd=None,
                prompt=prompts.load("lema-cot").render(question=problem.problem.question),
                completion=format_correction(fixed.incorrect_step, fixed.explanation, fixed.steps),
            )
        )
    return rows


def cot(split: str, n: int, *, start: int = 0) -> list[CotExample]:
    """Right solutions of nano problems."""
    rows = []
    for problem in nano.generate(split, n, start=start):
        steps = nano.solve(problem, Random(problem.problem.problem_id))
        rows.append(
            CotExample(
                problem=problem.problem,
                path=_path(problem, steps, verdict="correct"),
                prompt=prompts.load("lema-cot").render(question=problem.problem.question),
                completion=join_steps(steps),
            )
        )
    return rows


def trajectories(split: str, n: int, *, start: int = 0) -> list[Trajectory]:
    """Injected mistakes that are noticed and mended."""
    rows = []
    for row in corrections(split, n, start=start):
        wrong = row.path.steps[: row.incorrect_step]
        turn = "Wait, that is not right."
        rows.append(
            Trajectory(
                problem=row.problem,
                path=row.path,
                incorrect_step=row.incorrect_step,
                error_type=row.error_type,
                wrong_prefix=join_steps(wrong),
                transition=turn,
                reflection=row.explanation,
                continuation=join_steps(row.correct_steps, first=row.incorrect_step),
                strategy="fix_continue",
                teacher="nano-exact",
                teacher_prompt_id="exact@1",
                answer_verdict="correct",
                gates=(Gate("answer", "pass", 1.0),),
                cost_usd=None,
                prompt=row.prompt,
                completion=format_trajectory(
                    wrong, f"{turn} {row.explanation}", row.correct_steps, first=row.incorrect_step
                ),
            )
        )
    return rows


MAKERS = {"corrections": corrections, "cot": cot, "trajectories": trajectories}


def write_rows(folder: Path, config: str, split: str, rows: list) -> None:
    import pyarrow as pa

    table = pa.Table.from_pylist([row.to_row() for row in rows], schema=records.schema(type(rows[0])))
    write_table(table, folder / "data" / config / f"{split}.parquet")


def manifest(kind: str, configs: dict[str, dict[str, int]], **changes: object) -> Manifest:
    rows = sum(n for config, splits in configs.items() if config != "rejected" for n in splits.values())
    lost = sum(configs.get("rejected", {}).values())
    made = Manifest(
        kind=kind,
        task="nano",
        command=f"lema build {kind} scripts/recipes/data/nano-{kind}.yaml",
        seed=0,
        inputs=(
            Input(name="nano", repo=None, revision=None, sha256=None, license="apache-2.0", rows=rows + lost),
        ),
        prompts=tuple(
            PromptUse(id=prompt.id, role=role, sha256=prompt.sha256)
            for prompt, role in (
                (prompts.load("lema-cot"), "student"),
                (prompts.load("lema-correction"), "corrector"),
            )
        ),
        models=(
            ModelUse(role="student", name="lema/nano-backbone", revision="v0.1.0", engine="transformers"),
            ModelUse(
                role="corrector", name="nano-exact", revision=None, engine="exact", license="apache-2.0"
            ),
        ),
        stages=(
            Stage(
                name="sample",
                rows_in=rows + lost + 50,
                rows_out=rows + lost,
                dropped={"correct": 48, "unparsed": 2},
            ),
            Stage(
                name="answer gate",
                rows_in=rows + lost,
                rows_out=rows,
                dropped={"wrong answer": lost} if lost else {},
            ),
        ),
        verdicts={"correct": 48, "wrong": rows + lost, "unparsed": 2},
        configs=configs,
        tokens=Tokens(prompt=61_234, completion=12_345),
        cost_usd=None,
        license="apache-2.0",
        packages={"lema_hub": "0.1.0"},
    )
    return replace(made, **changes)


def build_dataset(
    folder: Path, kind: str = "corrections", *, train: int = 12, dev: int = 4, start: int = 0
) -> Path:
    """A folder as `lema build` writes it, with rejected rows."""
    make = MAKERS[kind]
    write_rows(folder, "nano", "train", make("train", train, start=start))
    write_rows(folder, "nano", "dev", make("dev", dev, start=start))
    dropped = [
        Rejection(
            row.problem.problem_id,
            row.path.path_id,
            "answer gate",
            "wrong answer",
            "3 is not 4",
            row.completion,
        )
        for row in corrections("train", 3, start=start + 1_000)
    ]
    write_rows(folder, "rejected", "train", dropped)
    manifest(kind, {"nano": {"train": train, "dev": dev}, "rejected": {"train": 3}}).write(folder)
    return folder


def save_tensors(path: Path, tensors: dict[str, tuple[int, ...]]) -> None:
    """A safetensors file of float32 zeros."""
    header, offset = {}, 0
    for name, shape in tensors.items():
        size = 4
        for length in shape:
            size *= length
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(offset))


def training(**changes: object) -> Training:
    made = Training(
        method="qlora",
        base_model="lema/nano-backbone",
        base_revision="v0.1.0",
        license="apache-2.0",
        command="lema train scripts/recipes/nano/nano-lema.yaml",
        recipe={"backbone": "nano", "rank": 8, "learning_rate": 2e-4},
        data=(
            DataUse(
                repo="lema/lema-cot", revision="v0.1.0", config="nano", split="train", rows=800, tokens=40_000
            ),
            DataUse(
                repo="lema/lema-corrections",
                revision="v0.1.0",
                config="nano",
                split="train",
                rows=300,
                tokens=30_000,
            ),
        ),
        steps=120,
        tokens=180_000,
        seconds=61.5,
        seed=0,
        losses=(Loss(step=1, loss=2.5), Loss(step=120, loss=0.75)),
        packages={"peft": "0.21.2", "torch": "2.13.0"},
        results=(
            Result(
                task="lema:nano",
                repo="lema/nano-problems",
                revision="v0.1.0",
                config="default",
                split="test",
                metric="pass@1",
                value=0.472,
                stderr=0.0158,
                n=1000,
            ),
        ),
    )
    return replace(made, **changes)


def build_adapter(folder: Path, **changes: object) -> Path:
    """A folder as `lema train` writes it; the weights are zeros."""
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(
        folder / "adapter_model.safetensors",
        {"base.q_proj.lora_A.weight": (8, 16), "base.q_proj.lora_B.weight": (16, 8)},
    )
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": "lema/nano-backbone",
        "revision": "v0.1.0",
        "r": 8,
        "lora_alpha": 16,
        "task_type": "CAUSAL_LM",
        "target_modules": ["q_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    training(**changes).write(folder)
    return folder


@pytest.fixture
def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture
def client_of(hub: LocalHub) -> Iterator[Callable[[auth.Role, str], HfApi]]:
    """Clients with a new token of a given role and user."""
    store = Store(hub.directory / DATABASE)

    def client(role: auth.Role, user: str) -> HfApi:
        with store.write() as db:
            secret = auth.create_token(db, name=f"{role}-{user}-{next(_numbers)}", user=user, role=role)
        return HfApi(endpoint=hub.url, token=secret)

    yield client
    store.close()


_numbers = count()


@pytest.fixture
def repo_id(hub: LocalHub) -> str:
    """An id that no other test uses."""
    return f"{hub.namespace}/lema-{next(_numbers)}"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    return build_dataset(tmp_path / "built")


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return build_adapter(tmp_path / "adapter")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Iterator[Callable[[str, str], None]]:
    """Compare a text with a file of tests/golden, or rewrite it with --update-golden."""
    folder = Path(__file__).resolve().parents[1] / "golden"

    def check(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden", default=False):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), (
            f"{name} differs; look at it, then rerun with --update-golden"
        )

    return check
