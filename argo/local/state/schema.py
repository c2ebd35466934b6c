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
    (
        # One count over everything that changes, as a cluster's resourceVersion; `removed` tells watchers what went.
        "CREATE TABLE clock (version INTEGER NOT NULL)",
        "INSERT INTO clock VALUES (1000)",
        "CREATE TABLE versions (uid TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX versions_order ON versions (version)",
        "INSERT INTO versions SELECT uid, 1000 FROM runs",
        """CREATE TABLE removed (
            version INTEGER PRIMARY KEY, uid TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
            body TEXT NOT NULL)""",
        """CREATE TRIGGER run_added AFTER INSERT ON runs BEGIN
            UPDATE clock SET version = version + 1;
            INSERT OR REPLACE INTO versions SELECT NEW.uid, version FROM clock; END""",
        """CREATE TRIGGER run_changed AFTER UPDATE OF revision ON runs BEGIN
            UPDATE clock SET version = version + 1;
            INSERT OR REPLACE INTO versions SELECT NEW.uid, version FROM clock; END""",
        """CREATE TRIGGER run_removed AFTER DELETE ON runs BEGIN
            UPDATE clock SET version = version + 1;
            DELETE FROM versions WHERE uid = OLD.uid;
            INSERT INTO removed SELECT version, OLD.uid, OLD.namespace, OLD.name, OLD.body FROM clock;
            DELETE FROM removed WHERE version < (SELECT version FROM clock) - 10000; END""",
        # Templates and schedules that the API keeps. Those of the cluster have an empty namespace.
        """CREATE TABLE kept (
            kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, object TEXT NOT NULL,
            PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID""",
        # Runs that nobody at a terminal drives: whoever serves them starts their processes again.
        """CREATE TABLE detached (uid TEXT PRIMARY KEY REFERENCES runs ON DELETE CASCADE) WITHOUT ROWID""",
    ),
)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version, in one transaction.

    Raises EnvironmentFailure for a database that a newer Argosy wrote.
    """
    if version(connection) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version(connection)  # another process may have been faster
        if found > len(MIGRATIONS):
            raise EnvironmentFailure(
                f"the state is of version {found}, this Argosy knows up to {len(MIGRATIONS)}",
                known="nothing was changed",
                hint="install the newer Argosy again, or set ARGOSY_HOME to another folder",
            )
        for script in MIGRATIONS[found:]:
            for statement in script:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def version(connection: sqlite3.Connection) -> int:
    """How many scripts a database has had; 0 for one that holds nothing."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
