"""The tables of the engine's database and their versions."""

from __future__ import annotations

import sqlite3

from argo.errors import EnvironmentFailure

# One script a version, never edited once released: a database of version n gets the scripts from n on.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            uid TEXT PRIMARY KEY, namespace TEXT NOT NULL, name TEXT NOT NULL, source TEXT NOT NULL,
            created_at REAL NOT NULL, executor TEXT NOT NULL, parallelism INTEGER,
            body TEXT NOT NULL,      -- the Workflow without status, and the templates stored in its status
            status TEXT NOT NULL,    -- the status without nodes
            phase TEXT NOT NULL, revision INTEGER NOT NULL,
            UNIQUE (namespace, name)) WITHOUT ROWID""",
        """CREATE TABLE nodes (
            uid TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, id TEXT NOT NULL, node TEXT NOT NULL,
            revision INTEGER NOT NULL, PRIMARY KEY (uid, id))""",  # its rowid keeps the order of creation
        "CREATE INDEX nodes_revision ON nodes (uid, revision)",
        # A request goes when the pod's end is recorded: what is left is what a resume must adopt, start or end.
        """CREATE TABLE pods (
            uid TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, id TEXT NOT NULL, request TEXT NOT NULL,
            PRIMARY KEY (uid, id)) WITHOUT ROWID""",
        """CREATE TABLE objects (
            uid TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, kind TEXT NOT NULL, name TEXT NOT NULL,
            object TEXT NOT NULL, PRIMARY KEY (uid, kind, name)) WITHOUT ROWID""",
        """CREATE TABLE commands (
            id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL REFERENCES runs ON DELETE CASCADE,
            verb TEXT NOT NULL, arguments TEXT NOT NULL, settled INTEGER NOT NULL DEFAULT 0,
            error TEXT NOT NULL DEFAULT '')""",
        "CREATE INDEX commands_open ON commands (uid, settled)",
    ),
    ("ALTER TABLE runs ADD COLUMN images TEXT NOT NULL DEFAULT '{}'",),  # JSON: what images run by themselves
    ("ALTER TABLE runs ADD COLUMN store TEXT NOT NULL DEFAULT '{}'",),  # JSON: of an S3 store, without credentials
    (
        """CREATE TABLE children (
            uid TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, id TEXT NOT NULL, place INTEGER NOT NULL,
            child TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (uid, id, place)) WITHOUT ROWID""",
        "CREATE INDEX children_revision ON children (uid, revision)",
    ),
    (
        # The ConfigMaps of memoized templates, an entry a row; the id grows with every change, so that readers need
        # only what is new. They stand on their own: the results of a deleted run may be in the store still.
        """CREATE TABLE memoized (
            id INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
            key TEXT NOT NULL, entry TEXT NOT NULL,  -- empty: forgotten
            UNIQUE (store, namespace, name, key))""",
        "CREATE INDEX memoized_changes ON memoized (store, namespace, name, id)",
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version, in one transaction.

    Raises EnvironmentFailure for a database that a newer Argosy wrote.
    """
    if _version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        version = _version(connection)  # another process may have been faster
        if version > len(MIGRATIONS):
            raise EnvironmentFailure(
                f"the state is of version {version}, this Argosy knows up to {len(MIGRATIONS)}",
                known="nothing was changed",
                hint="install the newer Argosy again, or set ARGOSY_HOME to another folder",
            )
        for script in MIGRATIONS[version:]:
            for statement in script:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
