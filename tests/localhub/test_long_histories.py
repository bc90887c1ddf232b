"""What a commit or a page costs must not grow with the repo: the stored index, checked against plain walks."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

from lema_hub.localhub import LocalHub, changes, commits, info, lineage, refs, repos, schema, suffixes, trees
from lema_hub.localhub.auth import Identity
from lema_hub.localhub.blobs import Blobs
from lema_hub.localhub.changes import AddFile, DeleteFile, Operation, Request
from lema_hub.localhub.commits import Commit
from lema_hub.localhub.fsck import check
from lema_hub.localhub.garbage import collect
from lema_hub.localhub.repos import Repo
from lema_hub.localhub.server import DATABASE
from lema_hub.localhub.store import Store

if TYPE_CHECKING:
    from tests.localhub.conftest import Send

OWNER = Identity("lema", "admin", frozenset({"lema"}))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty database of its own."""
    opened = Store(tmp_path / DATABASE)
    yield opened
    opened.close()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    """Where the contents of `store` lie."""
    return Blobs(tmp_path)


def make_repo(db: sqlite3.Connection, name: str) -> Repo:
    repo = repos.create(db, OWNER, kind="dataset", namespace="lema", name=name)
    first = commits.write(
        db, repo.key, tree=trees.EMPTY_TREE, parent=None, author="lema", title="first", message=""
    )
    refs.set_head(db, repo.key, refs.MAIN, first.oid)
    return repo


def add(blobs: Blobs, path: str, content: str) -> AddFile:
    data = content.encode()
    return AddFile(path, trees.git_id("blob", data), blobs.put(data), len(data))


def apply(
    db: sqlite3.Connection, repo: Repo, title: str, *operations: Operation, branch: str = "main"
) -> Commit:
    return changes.apply(db, repo.key, branch, Request(title, "", None, operations), "lema")


def walked(db: sqlite3.Connection, repo: Repo, commit: Commit) -> dict[str, str]:
    """For each path the commit that last changed it, found by going back through the history."""

    def ids(of: Commit) -> dict[str, str]:
        return {entry.path: entry.oid for entry in trees.walk(db, repo.key, of.tree)}

    wanted, found = ids(commit), {}
    while wanted:
        before = ids(commits.get(db, repo.key, commit.parent)) if commit.parent else {}
        for path in [path for path, oid in wanted.items() if before.get(path) != oid]:
            found[path] = commit.oid
            del wanted[path]
        if commit.parent:
            commit = commits.get(db, repo.key, commit.parent)
    return found


def test_last_changes_are_those_that_a_walk_finds(store: Store, blobs: Blobs) -> None:
    chance = random.Random(7)
    names = ["a", "b.json", "d/a", "d/e/f.csv", "d/e/g", "h/i", "h/j/k/l.parquet"]
    contents = {text: add(blobs, "", text) for text in "0123"}
    with store.write() as db:
        repo = make_repo(db, "random")
        seen = [commits.get(db, repo.key, str(refs.head(db, repo.key, "main")))]
        for number in range(120):
            if chance.random() < 0.15:
                refs.create_branch(db, repo.key, f"b{number}", chance.choice(seen).oid)
            branch = chance.choice([ref.name for ref in refs.listing(db, repo.key, "branch")])
            tip = commits.get(db, repo.key, str(refs.head(db, repo.key, branch)))
            present = [entry.path for entry in trees.files(db, repo.key, tip.tree)]
            operations: list[Operation] = []
            for path in chance.sample(names, chance.randint(1, 3)):
                if path in present and chance.random() < 0.4:
                    operations.append(DeleteFile(path))
                else:
                    like = contents[chance.choice("0123")]
                    operations.append(AddFile(path, like.oid, like.sha256, like.size))
            if chance.random() < 0.05:
                seen.append(commits.squash(db, repo.key, branch, "squashed", "lema"))
            seen.append(apply(db, repo, str(number), *operations, branch=branch))
        for commit in chance.sample(seen, 40):
            expected = walked(db, repo, commit)
            assert lineage.last_changes(db, repo.key, commit.oid, expected) == expected
            below = {
                entry.path.rpartition(".")[2] for entry in trees.files(db, repo.key, commit.tree)
            } & suffixes.SUFFIXES
            assert suffixes.below(db, repo.key, commit.tree) == below
    assert check(store, blobs).problems == ()


def test_pages_put_together_are_the_whole_tree(store: Store, blobs: Blobs) -> None:
    paths = ["a", "a-b/c", "a.b", "b/c/d/e", "b/c/f", "b/c-d", "z", "z-", "é/1", "\U0001f600/x", "\uffee"]
    with store.write() as db:
        repo = make_repo(db, "pages")
        tree = apply(db, repo, "all", *(add(blobs, path, "x") for path in paths)).tree
        for recursive in (True, False):
            whole = [entry for entry in trees.walk(db, repo.key, tree) if recursive or "/" not in entry.path]
            for limit in (1, 2, 5, 100):
                found: list[trees.Entry] = []
                while True:
                    after = found[-1].path if found else ""
                    page = trees.page(db, repo.key, tree, "", after=after, limit=limit, recursive=recursive)
                    if not page:
                        break
                    assert len(page) <= limit
                    found += page
                assert found == whole
        after = [
            entry.path
            for entry in trees.page(db, repo.key, tree, "", after="b/c/e/gone", limit=2, recursive=True)
        ]
        assert after == ["b/c/f", "b/c-d"]


def statements(db: sqlite3.Connection, action: object) -> int:
    """How many SQL statements an action runs."""
    sent: list[str] = []
    db.set_trace_callback(sent.append)
    action()  # type: ignore[operator]
    db.set_trace_callback(None)
    return len(sent)


def test_the_cost_of_a_commit_does_not_grow_with_the_number_of_files(store: Store, blobs: Blobs) -> None:
    costs = []
    with store.write() as db:
        for count in (3, 60):
            repo = make_repo(db, f"files-{count}")
            apply(
                db,
                repo,
                "all",
                *(add(blobs, f"deep/{folder}/{file}", "x") for folder in range(count) for file in "abc"),
            )
            change = add(blobs, "top/a", f"new {count}")

            def commit(repo: Repo = repo, change: AddFile = change) -> None:
                info.index(db, blobs, repo, apply(db, repo, "one", change).tree)

            costs.append(statements(db, commit))
    assert costs[0] == costs[1]


def test_the_cost_of_a_page_does_not_grow_with_the_repo(store: Store, blobs: Blobs) -> None:
    with store.write() as db:
        repo = make_repo(db, "long")
        apply(
            db,
            repo,
            "all",
            *(add(blobs, f"{folder:02}/{file}", "x") for folder in range(50) for file in "abc"),
        )
        for number in range(300):
            change = add(blobs, f"{number % 50:02}/a", str(number))
            tip = apply(db, repo, str(number), change)
        page: list[trees.Entry] = []

        def first() -> None:
            page.extend(trees.page(db, repo.key, tip.tree, "", after="", limit=8, recursive=True))

        assert statements(db, first) <= 4
        # A walk back through 300 commits would take 300 and more for each.
        assert statements(db, lambda: commits.last_changes(db, repo.key, tip, ["00/a", "00/b"])) < 60


def test_a_database_of_version_2_gets_its_index(tmp_path: Path) -> None:
    with LocalHub(tmp_path) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("lema/old")
        for number in range(5):
            api.create_commit(
                "lema/old",
                [
                    CommitOperationAdd(f"d{number}/a.json", b"{}"),
                    CommitOperationAdd("b", str(number).encode()),
                ],
                commit_message=str(number),
            )
    path = tmp_path / DATABASE
    new = contents(path)
    assert len(new["change"]) > 10
    assert len(new["tree_suffix"]) > 5
    as_version_2(path)
    old = contents(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(suffixes, "rebuild", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Store(path)
    assert contents(path) == old
    store = Store(path)
    assert check(store, Blobs(tmp_path)).problems == ()
    store.close()
    assert contents(path) == new


def as_version_2(path: Path) -> None:
    """Give a database the tables that version 2 had, with what they held."""
    new = sqlite3.connect(path)
    old = sqlite3.connect(path.with_suffix(".old"))
    old.executescript(schema.SCHEMA + schema.UPGRADES[2] + "PRAGMA user_version = 2;")
    for (name,) in old.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall():
        columns = ", ".join(row[1] for row in old.execute(f"PRAGMA table_info({name})"))
        rows = new.execute(f"SELECT {columns} FROM {name}").fetchall()
        marks = ", ".join("?" * (columns.count(",") + 1))
        old.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", rows)
    old.commit()
    old.close()
    new.close()
    path.with_suffix(".old").replace(path)


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """The rows of all tables."""
    db = sqlite3.connect(path)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    found = {name: sorted(db.execute(f"SELECT * FROM {name}"), key=str) for name in sorted(names)}
    db.close()
    return found


def test_a_wrong_index_is_named(store: Store, blobs: Blobs) -> None:
    with store.write() as db:
        repo = make_repo(db, "wrong")
        first = apply(db, repo, "one", add(blobs, "a/b.csv", "1"))
        second = apply(db, repo, "two", add(blobs, "a/c", "2"))
    assert check(store, blobs).problems == ()
    for damage, named in (
        ("DELETE FROM change WHERE path = 'a/b.csv'", first.oid),
        ("UPDATE commits SET jump = oid WHERE title = 'two'", second.oid),
        ("DELETE FROM tree_suffix", "is not indexed by its files' names"),
    ):
        with store.write() as db:
            db.execute(damage)
        assert named in "\n".join(check(store, blobs).problems)


def test_what_is_collected_leaves_the_index(store: Store, blobs: Blobs) -> None:
    with store.write() as db:
        repo = make_repo(db, "collected")
        for number in range(4):
            apply(db, repo, str(number), add(blobs, f"{number}/a.csv", str(number)))
        commits.squash(db, repo.key, "main", "squashed", "lema")
        db.execute("UPDATE commits SET created_at = 0 WHERE parent IS NOT NULL")
        db.execute("UPDATE blob SET touched_at = 0")
    collect(store, blobs, grace_seconds=60)
    with store.read() as db:
        [(changed,)] = db.execute("SELECT count(*) FROM change").fetchall()
        [(indexed,)] = db.execute("SELECT count(DISTINCT tree) FROM tree_suffix").fetchall()
    assert (changed, indexed) == (0, 5)
    with store.write() as db:
        repos.delete(db, OWNER, repo)
        assert db.execute("SELECT count(*) FROM tree_suffix").fetchone()[0] == 0


def test_a_listing_goes_on_where_a_page_ended(api: HfApi, dataset: str, send: Send) -> None:
    operations = [CommitOperationAdd(f"d{number % 7}/{number:04}", b"") for number in range(1500)]
    api.create_commit(dataset, operations, commit_message="many", repo_type="dataset")
    listed = [entry.path for entry in api.list_repo_tree(dataset, repo_type="dataset", recursive=True)]
    assert len(listed) == len(set(listed)) == 1500 + 7 + 1
    assert listed == sorted(listed, key=lambda path: path.split("/"))
    inside = [
        entry.path
        for entry in api.list_repo_tree(dataset, "d3", repo_type="dataset", recursive=True, expand=True)
    ]
    assert inside == [path for path in listed if path.startswith("d3/")]
    odd = send("GET", f"/api/datasets/{dataset}/tree/main?recursive=true&cursor=d3%2F%2F%ff%00")
    assert (odd.status, odd.json()[0]["path"]) == (200, "d3/0003")
