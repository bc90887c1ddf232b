"""Tables of the embedded Hub.

Repos hold real git objects (same ids as git would give), spread over rows: `entry` is one line of a tree,
`file` is a git blob, large files are git-lfs pointers. All objects belong to a repo, so that nothing can
be read, or claimed as already uploaded, through another repo. `repo.id` is never reused: a signed upload
url of a deleted repo fits no later one.

`SCHEMA` is what version 1 had; `UPGRADES[n]` brings a database of version n - 1 to version n, and a new one
goes through all of them. What version 3 adds is derived from what was there before (`Store` does it).
"""

from typing import Final

VERSION: Final = 3

SCHEMA: Final = """
CREATE TABLE setting (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE namespace (
    name       TEXT PRIMARY KEY COLLATE NOCASE,
    created_at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE token (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    user       TEXT NOT NULL COLLATE NOCASE REFERENCES namespace (name),
    digest     TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    created_at TEXT NOT NULL,
    expires_at TEXT,
    revoked_at TEXT
);
CREATE TABLE token_namespace (
    token     INTEGER NOT NULL REFERENCES token (id) ON DELETE CASCADE,
    namespace TEXT NOT NULL COLLATE NOCASE REFERENCES namespace (name),
    PRIMARY KEY (token, namespace)
) WITHOUT ROWID;

CREATE TABLE repo (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    type       TEXT NOT NULL CHECK (type IN ('model', 'dataset', 'space')),
    namespace  TEXT NOT NULL COLLATE NOCASE REFERENCES namespace (name),
    name       TEXT NOT NULL COLLATE NOCASE,
    private    INTEGER NOT NULL,
    gated      TEXT CHECK (gated IN ('auto', 'manual')),
    sdk        TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (type, namespace, name)
);
CREATE TABLE former_name (
    type      TEXT NOT NULL,
    namespace TEXT NOT NULL COLLATE NOCASE,
    name      TEXT NOT NULL COLLATE NOCASE,
    repo      INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    PRIMARY KEY (type, namespace, name)
) WITHOUT ROWID;
CREATE TABLE repo_tag (
    repo INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    tag  TEXT NOT NULL COLLATE NOCASE,
    PRIMARY KEY (repo, tag)
) WITHOUT ROWID;

CREATE TABLE blob (
    repo       INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    sha256     TEXT NOT NULL,
    size       INTEGER NOT NULL,
    touched_at REAL NOT NULL,
    PRIMARY KEY (repo, sha256)
) WITHOUT ROWID;
CREATE INDEX blob_sha256 ON blob (sha256);

CREATE TABLE file (
    repo   INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    oid    TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    size   INTEGER NOT NULL,
    lfs    INTEGER NOT NULL,
    PRIMARY KEY (repo, oid),
    FOREIGN KEY (repo, sha256) REFERENCES blob (repo, sha256)
) WITHOUT ROWID;
CREATE INDEX file_sha256 ON file (repo, sha256);

CREATE TABLE entry (
    repo INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    tree TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('file', 'directory')),
    oid  TEXT NOT NULL,
    PRIMARY KEY (repo, tree, name)
) WITHOUT ROWID;

CREATE TABLE commits (
    repo       INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    oid        TEXT NOT NULL,
    tree       TEXT NOT NULL,
    parent     TEXT,
    author     TEXT NOT NULL,
    title      TEXT NOT NULL,
    message    TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (repo, oid)
) WITHOUT ROWID;

CREATE TABLE ref (
    repo    INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    target  TEXT NOT NULL,
    message TEXT,
    PRIMARY KEY (repo, name),
    FOREIGN KEY (repo, target) REFERENCES commits (repo, oid)
) WITHOUT ROWID;
"""

UPGRADES: Final = {
    2: """
CREATE TABLE discussion (
    repo         INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    num          INTEGER NOT NULL,
    title        TEXT NOT NULL,
    author       TEXT NOT NULL COLLATE NOCASE,
    status       TEXT NOT NULL CHECK (status IN ('draft', 'open', 'closed', 'merged')),
    base         TEXT,
    base_commit  TEXT,
    merge_commit TEXT,
    created_at   TEXT NOT NULL,
    PRIMARY KEY (repo, num)
) WITHOUT ROWID;
CREATE TABLE event (
    key        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT NOT NULL UNIQUE,
    repo       INTEGER NOT NULL,
    num        INTEGER NOT NULL,
    type       TEXT NOT NULL CHECK (type IN ('comment', 'commit', 'status-change', 'title-change')),
    author     TEXT NOT NULL,
    created_at TEXT NOT NULL,
    data       TEXT NOT NULL,
    FOREIGN KEY (repo, num) REFERENCES discussion (repo, num) ON DELETE CASCADE
);
CREATE INDEX event_discussion ON event (repo, num);

CREATE TABLE collection (
    id          TEXT PRIMARY KEY,
    namespace   TEXT NOT NULL COLLATE NOCASE REFERENCES namespace (name),
    title       TEXT NOT NULL,
    description TEXT,
    private     INTEGER NOT NULL,
    theme       TEXT NOT NULL,
    position    INTEGER NOT NULL,
    updated_at  TEXT NOT NULL,
    UNIQUE (namespace, title)
) WITHOUT ROWID;
CREATE TABLE collection_item (
    id         TEXT PRIMARY KEY,
    collection TEXT NOT NULL REFERENCES collection (id) ON DELETE CASCADE,
    type       TEXT NOT NULL CHECK (type IN ('model', 'dataset', 'space', 'paper', 'collection')),
    target     TEXT NOT NULL,
    repo       INTEGER REFERENCES repo (id) ON DELETE CASCADE,
    note       TEXT,
    position   INTEGER NOT NULL,
    UNIQUE (collection, type, target)
) WITHOUT ROWID;
CREATE INDEX collection_item_repo ON collection_item (repo);
""",
    3: """
ALTER TABLE commits ADD COLUMN depth INTEGER NOT NULL DEFAULT 0;
ALTER TABLE commits ADD COLUMN jump TEXT NOT NULL DEFAULT '';
CREATE TABLE change (
    repo  INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    path  TEXT NOT NULL,
    depth INTEGER NOT NULL,
    oid   TEXT NOT NULL,
    PRIMARY KEY (repo, path, depth, oid)
) WITHOUT ROWID;
ALTER TABLE namespace ADD COLUMN fullname TEXT;
ALTER TABLE namespace ADD COLUMN private_repos INTEGER NOT NULL DEFAULT 0;
ALTER TABLE blob ADD COLUMN removed INTEGER NOT NULL DEFAULT 0;
CREATE TABLE access_request (
    id         TEXT PRIMARY KEY,
    repo       INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user       TEXT NOT NULL COLLATE NOCASE REFERENCES namespace (name),
    status     TEXT NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected')),
    reason     TEXT,
    granted    INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    UNIQUE (repo, user)
) WITHOUT ROWID;
CREATE INDEX access_request_user ON access_request (user);
CREATE TABLE repo_like (
    repo       INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    user       TEXT NOT NULL COLLATE NOCASE REFERENCES namespace (name),
    created_at TEXT NOT NULL,
    PRIMARY KEY (repo, user)
) WITHOUT ROWID;
CREATE INDEX repo_like_user ON repo_like (user);
CREATE TABLE tree_suffix (
    repo   INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
    tree   TEXT NOT NULL,
    suffix TEXT NOT NULL,
    PRIMARY KEY (repo, tree, suffix)
) WITHOUT ROWID;
""",
}
