"""Ledgers of before and after, and files and disks that are not well."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lema_hub.engines import Ledger, Request, Response, Sampling
from lema_hub.engines.ledger_contents import LedgerContents, Selection
from lema_hub.engines.ledger_file import VERSION, open_file
from lema_hub.errors import EngineError, InputError
from tests.engines.test_ledger import Echo, ask

# As lema_hub 0.1 made them, before the schema had a number.
OF_BEFORE = """
CREATE TABLE prompts (sha TEXT PRIMARY KEY, system TEXT, prompt TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE responses (
    key TEXT PRIMARY KEY, prompt_sha TEXT NOT NULL, stage TEXT NOT NULL, engine TEXT NOT NULL,
    model TEXT NOT NULL, revision TEXT, text TEXT NOT NULL, finish_reason TEXT,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_usd REAL
) WITHOUT ROWID;
CREATE TABLE failures (
    key TEXT PRIMARY KEY, stage TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, attempts INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER answered AFTER INSERT ON responses BEGIN DELETE FROM failures WHERE key = NEW.key; END;
"""


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


@pytest.fixture
def of_before(tmp_path: Path) -> Path:
    """A ledger without a version that knows the answer to `a` and a failure of `b`."""
    path = tmp_path / "old.sqlite"
    new = tmp_path / "new.sqlite"
    with Ledger(new) as ledger:
        engine = Echo()
        engine.failing = {"b"}
        ledger.run(engine, ask("ab"), stage="s")
    answer, failure = rows(new, "SELECT * FROM responses")[0], rows(new, "SELECT * FROM failures")[0]
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.executescript(OF_BEFORE)
        db.execute("INSERT INTO prompts VALUES (?, NULL, 'a')", (answer[1],))
        db.execute(f"INSERT INTO responses VALUES ({','.join('?' * 11)})", answer[:11])
        db.execute(f"INSERT INTO failures VALUES ({','.join('?' * 7)})", failure[:7])
        db.commit()
    return path


def test_a_ledger_of_before_is_brought_up_to_date_and_keeps_its_answers(of_before: Path) -> None:
    engine = Echo()
    with Ledger(of_before) as ledger:
        answers = ledger.run(engine, ask("abc"), stage="s")
    assert engine.sent == ["b", "c"]
    assert [answer.text for answer in answers if isinstance(answer, Response)] == ["a#0@1", "b#0@1", "c#0@2"]
    assert rows(of_before, "PRAGMA user_version") == [(VERSION,)]
    with LedgerContents(of_before) as contents:
        known = {entry.prompt: entry for entry in contents.entries(Selection())}
    assert (known["a"].sampling, known["a"].index, known["a"].created) == (None, None, None)
    assert known["b"].sampling is not None
    assert known["b"].sampling["max_tokens"] == 512


def test_a_change_that_is_interrupted_leaves_the_file_as_it_was(
    of_before: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = rows(of_before, "SELECT sql FROM sqlite_schema ORDER BY name")
    with monkeypatch.context() as patch:
        patch.setattr(
            "lema_hub.engines.ledger_file._CHANGES", (("ALTER TABLE failures ADD COLUMN x", "nonsense"),)
        )
        with pytest.raises(InputError, match="cannot be opened as a ledger"):
            Ledger(of_before)
    assert rows(of_before, "SELECT sql FROM sqlite_schema ORDER BY name") == tables
    Ledger(of_before).close()
    assert rows(of_before, "PRAGMA user_version") == [(VERSION,)]


def test_a_ledger_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    Ledger(path).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version=99")
    before = path.read_bytes()
    with pytest.raises(InputError, match=r"of version 99, this lema_hub knows \d+; upgrade lema_hub"):
        Ledger(path)
    assert path.read_bytes() == before


def test_a_database_that_is_no_ledger_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE notes (text)")
    before = path.read_bytes()
    with pytest.raises(InputError, match="is a database but no ledger"):
        Ledger(path)
    assert path.read_bytes() == before


def test_contents_of_a_file_that_is_not_there_do_not_make_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no ledger"):
        LedgerContents(tmp_path / "l.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_said_in_one_line_wherever_it_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    requests = ask("".join(chr(200 + n) for n in range(400)))
    with Ledger(path) as ledger:
        ledger.run(Echo(), requests, stage="s")
    whole = bytearray(path.read_bytes())
    whole[8192:] = os.urandom(len(whole) - 8192)  # the first pages, with the tables' names, are well
    path.write_bytes(whole)
    with (
        Ledger(path) as ledger,
        pytest.raises(EngineError, match=r"malformed.*it is damaged.*\.recover") as said,
    ):
        ledger.run(Echo(), requests, stage="s")
    assert "\n" not in str(said.value)
    with LedgerContents(path) as contents, pytest.raises(EngineError, match="malformed"):
        contents.totals()


_FILL = """
import resource, sys
from pathlib import Path
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.errors import LemaError
from tests.engines.test_ledger import Echo
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
requests = [Request(prompt=f"{n} " + 500 * "x", sampling=Sampling()) for n in range(2000)]
seen = 0
def tell(done, total):
    global seen
    seen = done
try:
    with Ledger(Path(sys.argv[1])) as ledger:
        ledger.run(Echo(), requests, stage="s", progress=tell)
except LemaError as error:
    print(seen, type(error).__name__, error)
"""


@pytest.mark.parametrize("limit", [300_000, 10_000])
def test_a_full_disk_is_said_in_one_line_and_loses_no_answer(tmp_path: Path, limit: int) -> None:
    """The kernel refuses to let a file grow, as it does when a disk is full."""
    path = tmp_path / "l.sqlite"
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(path), str(limit)], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    (line,) = done.stdout.splitlines()
    seen, kind, message = line.split(" ", 2)
    assert kind == ("EngineError" if int(seen) else "InputError")
    assert "free some disk and run again" in message
    assert (int(seen) > 10) == (limit > 100_000)
    engine = Echo()
    requests = [Request(prompt=f"{n} " + 500 * "x", sampling=Sampling()) for n in range(2000)]
    with Ledger(path) as ledger:
        assert len(ledger.run(engine, requests, stage="s")) == 2000
    assert len(engine.sent) == 2000 - int(seen)
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]


def as_nobody(call: Callable[[], None]) -> None:
    """Run a test's part without root's rights, to whom no file is read-only."""
    if os.getuid() != 0:
        return call()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.setgid(65534)
            os.setuid(65534)
            call()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    return None


def test_a_read_only_ledger_can_be_read_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    path = folder / "l.sqlite"
    with Ledger(path) as ledger:
        ledger.run(Echo(), ask("ab"), stage="s")
    for parent in folder.parents:  # pytest lets only its user in
        if any(part.startswith("pytest-of-") for part in parent.parts):
            parent.chmod(0o755)
    path.chmod(0o444)
    folder.chmod(0o555)
    before = path.read_bytes()

    def check() -> None:
        with LedgerContents(path) as contents:
            assert contents.totals()[0].responses == 2
            assert len(list(contents.entries(Selection()))) == 2
            with pytest.raises(EngineError, match=r"readonly database.*give a writable file"):
                contents.prune(Selection(stage="s"))
        with pytest.raises(InputError, match=r"cannot be opened as a ledger.*writable"):
            Ledger(path)

    try:
        as_nobody(check)
    finally:
        folder.chmod(0o755)
    assert path.read_bytes() == before


def test_a_read_only_ledger_of_before_says_that_it_cannot_be_changed(of_before: Path) -> None:
    with pytest.raises(InputError, match="is of version 0 and cannot be changed"):
        open_file(of_before, create=False, read_only=True)
