"""Which of the judge's readings decide verdicts: each is switched off in turn, and changed verdicts are counted.

`python bench/readings.py [NAME ...]` prints the table of docs/answers.md: a reading, the lines of code that serve
it alone, and per source the verdicts that change without it. `3 (1)` means that three change, and that one of them
becomes `correct`: there the reading keeps a wrong answer out. What decides no verdict on real data should go.

Sources: outputs and golds of `../shared/data`; the rewritings and near misses of MATH-500's golds that
`bench/answers.py` measures; the cases in tests/cases, which were written for the readings and prove no need.
"""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from answer_cases.rewritings import variants

from lema_hub import tasks
from lema_hub.answers import Item, Judgement, gold_answer, judge_many
from lema_hub.answers.mathematics import algebra, exact
from lema_hub.answers.mathematics.tokens import UnreadableError

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
NEVER = re.compile(r"(?!)()()()")


def raises(error: type[Exception]) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> Any:
        raise error("switched off")

    return fail


def gives(value: Any) -> Callable[..., Any]:
    return lambda *_, **__: value


def unchanged(value: Any, *_: object) -> Any:
    return value


# Name -> (where the code looks the reading up and what stands there instead; other definitions that serve it alone).
READINGS: dict[str, tuple[dict[str, Any], str]] = {
    "Unicode": ({"text._respell_character": unchanged}, "text._RESPELT text.ascii_spelling"),
    "LaTeX decoration": ({"text._DECORATION": NEVER}, ""),
    "doubled backslashes": ({"text._ESCAPED_TWICE": NEVER}, ""),
    "plain numbers": ({"equality.plain": gives(None)}, "mathematics.number.plain mathematics.number._PLAIN"),
    "thousands": (
        {"text._THOUSANDS": NEVER, "text._SPACED_THOUSANDS": NEVER},
        "text._join_thousands text._OPENED",
    ),
    "decimal comma": ({"equality._DECIMAL_COMMA": NEVER}, ""),
    "rounded decimals": ({"mathematics.scalars._rounds_to": gives(False)}, "mathematics.scalars._literal"),
    "percent": (
        {"mathematics.scalars._same_percent": gives("different")},
        "mathematics.scalars._mentions_percent mathematics.reading._PERCENT",
    ),
    "mixed numbers": (
        {"mathematics.syntax._Parser.proper": staticmethod(gives(None))},
        "mathematics.syntax._Parser.number",
    ),
    "money": ({"text._MONEY": NEVER}, ""),
    "units, read": ({"mathematics.reading.unit_words": raises(UnreadableError)}, "mathematics.amounts.unit_words"),
    "units, converted": (
        {"mathematics.reading.measure": gives(None)},
        "mathematics.units._TABLE mathematics.units._read_table mathematics.units.measure",
    ),
    "degrees": ({"mathematics.reading.degrees": lambda tokens: (tokens, None)}, "mathematics.amounts.degrees"),
    "radians": ({"mathematics.scalars._is_radian_like": gives(False)}, "mathematics.scalars._has_degrees"),
    "scale words": ({"mathematics.reading.SCALES": {}}, "mathematics.units.SCALES"),
    "bases": (
        {"mathematics.reading.read_based": gives(None)},
        "mathematics.bases._BASES mathematics.bases._BASED mathematics.bases.read_based"
        " mathematics.comparison._Comparison.based",
    ),
    "times": (
        {"mathematics.reading.read_clock": gives(None)},
        "mathematics.clock.Clock mathematics.clock.read_clock mathematics.clock._TIME",
    ),
    "ratios": ({"mathematics.reading._Reader.ratio": gives(None)}, "mathematics.comparison._same_ratio"),
    "intervals, inequalities": (
        {"mathematics.comparison.to_set": gives(None)},
        "mathematics.sets.RealSet mathematics.sets._merged mathematics.sets._intersection mathematics.sets._linear"
        " mathematics.sets._from_relation mathematics.sets.to_set mathematics.sets.same_set",
    ),
    "unions": ({"mathematics.reading._Reader.unions": gives(None)}, ""),
    "tuples, sets": (
        {"mathematics.reading._Reader.bracketed": gives(None)},
        "mathematics.lists._same_tuple",
    ),
    "lists": ({"mathematics.reading._Reader.listed": gives(None)}, "mathematics.lists.same_unordered"),
    "repeated items": ({"mathematics.lists.distinct": unchanged, "mathematics.comparison.distinct": unchanged}, ""),
    "asked order": ({"mathematics.comparison._ORDER_ASKED": NEVER}, ""),
    "plus-minus": (
        {"mathematics.scalars.has_plus_minus": gives(False), "mathematics.lists.has_plus_minus": gives(False)},
        "mathematics.trees.with_sign mathematics.scalars._same_branches",
    ),
    "matrices": (
        {"mathematics.reading.read_matrix": gives(None)},
        "mathematics.matrices.read_matrix mathematics.matrices._factor mathematics.comparison._same_matrix",
    ),
    "nested lists": (
        {"mathematics.reading.nested_lists": gives(None)},
        "mathematics.matrices.nested_lists",
    ),
    "columns as tuples": ({"mathematics.comparison._as_tuple": gives(None)}, ""),
    "names of values": (
        {"mathematics.comparison.assigned": gives(None)},
        "mathematics.reading._NAME mathematics.reading._Reader.name_of mathematics.equations.assigned",
    ),
    "right sums": ({"mathematics.equations._is_right_sum": gives(False)}, ""),
    "equations up to a factor": (
        {"mathematics.equations._difference": gives(None)},
        "mathematics.equations._same_difference mathematics.exact.same_zeros",
    ),
    "functions": (
        {"mathematics.syntax._Parser.function": raises(UnreadableError)},
        "mathematics.syntax._Parser.bare_argument",
    ),
    "roots": ({"mathematics.syntax._Parser.root": raises(UnreadableError)}, "mathematics.exact._root_power"),
    "polynomials, exact forms": ({"mathematics.exact.evaluate": raises(exact.TooLargeError)}, "mathematics.exact.*"),
    "values at points": ({"mathematics.numeric.agree": gives("unknown")}, "mathematics.numeric.*"),
    "the algebra worker": (
        {"mathematics.algebra.compare": gives(algebra.Comparison("different"))},
        "mathematics.algebra.* mathematics.worker.*",
    ),
    "texts": (
        {"equality.plain_words": unchanged, "mathematics.reading.plain_words": unchanged},
        "text.plain_words",
    ),
    "option texts": (
        {"choice.whole_text": gives(None), "extract.whole_text": gives(None), "choice._text_within": gives(None)},
        "choice._word_options choice._places choice._names_another",
    ),
    "lower-case letters": ({"choice._LOWER": NEVER}, ""),
    "denied letters": ({"choice._DENIED": NEVER}, ""),
    "two options": ({"choice._SECOND": NEVER}, ""),
    "ranges of letters": ({"choice._RANGE": NEVER}, ""),
    "no option": ({"choice._NONE": NEVER}, "choice._STILL choice.rejects_all"),
    "a closing choice": ({"extract._closing_choice": gives(None)}, "extract._CHOICE_LINE"),
    "runs on": ({"extract._NEXT_QUESTION": NEVER, "extract._CHAT_TOKEN": NEVER}, ""),
    "joined boxes": ({"extract._JOIN": NEVER}, ""),
    "boxes by the gold's parts": ({"judge._boxed_together": gives(None)}, "equality.parts extract._Output.boxes"),
    "talk about a box": ({"extract._is_final": gives(True)}, ""),
    "the last line": ({"extract.of_last_line": gives(None)}, "sentence.of_last_line"),
    "reasons behind a number": ({"sentence._AFTERTHOUGHT": NEVER}, ""),
    "formulas around a number": (
        {"sentence._formula_around": gives(None)},
        "sentence._PART sentence._PART_GOES_ON sentence._PROSE sentence._BROKEN",
    ),
    "products not worked out": ({"sentence._OPERATION": NEVER}, ""),
    "sums with words": ({"sentence._OPEN_SUM": NEVER}, ""),
    "denied numbers": ({"sentence._NOT": NEVER}, ""),
    "signs in words": ({"sentence._MINUS": NEVER}, ""),
    "one number or another": ({"sentence._ALTERNATIVES": NEVER}, "sentence._OR_AND"),
    "bold numbers": ({"sentence._BOLD": NEVER}, ""),
}  # fmt: skip


def rows(name: str) -> list[dict[str, Any]]:
    """Rows of a file of the shared data."""
    text = (DATA / name).read_text("utf-8")
    loaded: list[dict[str, Any]] = (
        json.loads(text) if name.endswith(".json") else [*map(json.loads, text.splitlines())]
    )
    return loaded


def real_pairs() -> Iterator[Item]:
    """Outputs of models and people with the gold answers of their problems."""
    golds: dict[str, tuple[str, Any]] = {}
    for split in ("train", "test"):
        for row in rows(f"math/{split}.jsonl"):
            golds[row["problem"].strip()] = (row["answer"], "math")
            if row["answer"]:
                yield Item(row["solution"], row["answer"], "math", question=row["problem"])
        for row in rows(f"gsm8k/{split}.jsonl"):
            golds[row["question"].strip()] = (gold_answer(row["answer"]), "number")
    for row in rows("gsm8k/example_model_solutions.jsonl"):
        for value in row.values():
            if isinstance(value, dict):
                yield Item(value["solution"], gold_answer(row["ground_truth"]))
    for path in sorted((DATA / "model_outputs").glob("*.jsonl")):
        for row in rows(f"model_outputs/{path.name}"):
            style: Any = "math" if "math500" in path.name else "number"
            yield Item(row["response"], str(row["gold"]), style, question=row["question"])
            yield Item(str(row["pred"]), str(row["gold"]), style, question=row["question"], bare=True)
    for row in rows("grader_cases/cases.jsonl"):
        yield Item(row["pred"], row["gold"], "choice" if "abc" in row.get("test", "") else "math")
    texts = [
        (row["problem"], "\n\n".join(row["steps"]))
        for name in ("gsm8k", "math")
        for row in rows(f"processbench/{name}.json")
    ]
    for path in sorted((DATA / "prmbench").glob("*.jsonl")):
        for row in rows(f"prmbench/{path.name}"):
            processes = (row["original_process"], row["modified_process"])
            texts += [(row["original_question"], "\n".join(map(str, steps))) for steps in processes if steps]
    for problem, text in texts:
        gold, style = golds.get(problem.strip(), ("", "math"))
        if gold:
            yield Item(text, gold, style, question=problem)
    for row in rows("vtg/dataset.json"):
        gold = row["reference_solution"].strip().splitlines()[-1]
        for text in ("\n".join(row["student_incorrect_solution"]), row["student_correct_response"]):
            yield Item(text, gold, question=row["problem"])
    for name in ("error_correction", "error_analysis"):
        for row in rows(f"mathchat/{name}.jsonl"):
            yield Item(str(row["error_correction"]), gold_answer(row["answer"]), question=row["question"])
    for name in ("math", "physics", "chemistry"):
        for solutions in json.loads((DATA / f"mr_ben/{name}.json").read_text("utf-8")).values():
            for row in solutions:
                problem = tasks.get("mr-ben").read(row)
                yield Item(
                    "\n".join(row["Model_Solution_Steps"]),
                    problem.answer,
                    "choice",
                    question=problem.question,
                )
    yield from evaluation_pairs()


def evaluation_pairs() -> Iterator[Item]:
    """Rationales and options of the evaluation suite against its right options; solutions against final answers."""
    for row in rows("eval_suite/olympiadbench.test.jsonl"):
        if row["final_answer"]:
            yield Item(row["solution"][0], ", ".join(row["final_answer"]), "math", question=row["question"])
    for row in rows("eval_suite/asdiv.test.jsonl"):
        yield Item(row["formula"], row["answer"], "math", question=row["question"])
    for row in rows("eval_suite/mathqa.test.jsonl"):
        options = dict(re.findall(r"([a-e]) \) (.*?)(?= , [b-e] \)|$)", row["options"]))
        right = options.get(row["correct"])
        if right:
            yield Item(row["rationale"], right, "math", question=row["problem"])
            listed = "\n".join(f"({letter.upper()}) {text}" for letter, text in options.items())
            gold = row["correct"].upper()
            yield Item(row["rationale"], gold, "choice", question=f"{row['problem']}\n{listed}")
            for option in options.values():
                yield Item(option, right, "math", question=row["problem"], bare=True)
    for row in rows("eval_suite/aqua.test.jsonl"):
        options = {option[0]: option[2:] for option in row["options"]}
        listed = "\n".join(f"({letter}) {text}" for letter, text in options.items())
        yield Item(row["rationale"], row["correct"], "choice", question=f"{row['question']}\n{listed}")
        for option in options.values():
            yield Item(option, options[row["correct"]], "math", question=row["question"], bare=True)


def sources() -> dict[str, list[Item]]:
    """The items to judge, by source."""
    golds = dict.fromkeys(row["answer"] for row in rows("math/math500.jsonl"))
    cases = [
        json.loads(line) for line in (ROOT / "tests/cases/answers.jsonl").read_text("utf-8").splitlines()
    ]
    written = [Item(c["pred"], c["gold"], c["style"], question=c.get("question"), bare=True) for c in cases]
    for line in (ROOT / "tests/cases/answers_extraction.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        written.append(Item(case["output"], case["extracted"] or "0", case["style"]))
    return {
        "real pairs": list(real_pairs()),
        "benchmark": [
            Item(variant.text, gold, "math", bare=True) for gold in golds for variant in variants(gold)
        ],
        "cases": written,
    }


def holder(path: str) -> tuple[Any, str]:
    """The module or class of `mathematics.reading._Reader.ratio`, and the name in it."""
    parts = path.split(".")
    size = 2 if parts[0] == "mathematics" else 1
    found: Any = importlib.import_module(".".join(["lema_hub.answers", *parts[:size]]))
    for name in parts[size:-1]:
        found = getattr(found, name)
    return found, parts[-1]


def lines(path: str) -> int:
    """Lines of a definition, or of a module (`...*`)."""
    owner, name = holder(path)
    source = inspect.getsource(owner)
    if name == "*":
        return len(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            defined = [target.id for target in node.targets if isinstance(target, ast.Name)]
        else:
            defined = [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else []
        if name in defined and isinstance(node, ast.stmt):
            return (node.end_lineno or node.lineno) - node.lineno + 1
    return 0  # imported into this module


@contextmanager
def switched_off(name: str) -> Iterator[None]:
    """A reading replaced by what it does with an answer that it does not know."""
    saved = []
    for path, replacement in READINGS[name][0].items():
        owner, attribute = holder(path)
        saved.append((owner, attribute, inspect.getattr_static(owner, attribute)))
        setattr(owner, attribute, replacement)
    try:
        yield
    finally:
        for owner, attribute, value in saved:
            setattr(owner, attribute, value)


def judgements(items: list[Item]) -> list[Judgement]:
    """The judgements, with no reading remembered from the run before."""
    for path in ("text.clean", "mathematics.reading.read", "choice._options"):
        owner, name = holder(path)
        getattr(owner, name).cache_clear()
    return judge_many(items)


def may_decide(name: str, item: Item, judgement: Judgement) -> bool:
    """Whether a reading is reached at all; spares most of the work."""
    paths = READINGS[name][0]
    if all(path.startswith("mathematics.") for path in paths):
        return not judgement.reason.endswith(("plain numbers", "same text"))
    return item.style == "choice" or not all(path.startswith("choice.") for path in paths)


def main() -> None:
    """Print the table."""
    if not DATA.is_dir():
        print("skipped: no ../shared/data beside this checkout")
        return
    logging.disable(logging.CRITICAL)
    pool = algebra.pool
    pool.compare = functools.cache(pool.compare)  # type: ignore[method-assign]
    items = sources()
    before = {source: list(zip(found, judgements(found), strict=True)) for source, found in items.items()}
    counts = ", ".join(f"{len(found):,} {source}" for source, found in items.items())
    print(f"Verdicts that change, of {counts}\n\n| reading | lines | " + " | ".join(items) + " |")
    print("| --- |" + " ---: |" * (len(items) + 1))
    for name in sys.argv[1:] or READINGS:
        off, code = READINGS[name]
        cells = [name, str(sum(map(lines, set(code.split()) if "*" in code else {*off, *code.split()})))]
        with switched_off(name):
            for found in before.values():
                reached = [(item, old) for item, old in found if may_decide(name, item, old)]
                now = judgements([item for item, _ in reached])
                changed = [
                    new for (_, old), new in zip(reached, now, strict=True) if old.verdict != new.verdict
                ]
                accepted = sum(judgement.verdict == "correct" for judgement in changed)
                cells.append(f"{len(changed)}" + (f" ({accepted})" if accepted else ""))
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
