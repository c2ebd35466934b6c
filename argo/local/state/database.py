"""The state of this machine's runs in SQLite: written before anything is started, one row a node.

Readers never block (write-ahead log), a commit is on disk when it returns (synchronous=FULL), so a kill at any
moment leaves either the state before or the state after. One process writes a run (`RunLock`); commands may come
from any.
"""

from __future__ import annotations

import fcntl
import json
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from argo.backend import CommandArguments, RunRef
from argo.errors import ConflictError, EnvironmentFailure, NotFoundError, UsageError, did_you_mean
from argo.files.private import keep_private
from argo.files.shortage import damaged, lacking, probe, shortage
from argo.local.pods import PodRequest
from argo.local.state.fanout import Fanouts, StoredNodes, short, whole
from argo.local.state.schema import MIGRATIONS, migrate, version
from compiler.manifest_types import NodeStatus, Object, Workflow, WorkflowStatus

if TYPE_CHECKING:
    from argo.local.images import Images

T = TypeVar("T")
_STORED = ("storedTemplates", "storedWorkflowTemplateSpec")  # large and rarely changed


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the table of runs: the options a run was started with, and its status."""

    ref: RunRef
    source: str
    created_at: datetime
    executor: str
    parallelism: int | None
    phase: str
    status: WorkflowStatus  # without nodes
    images: Images  # what images run by themselves
    store: dict[str, str]  # settings of an S3 store, without credentials


@dataclass(frozen=True, slots=True)
class Command:
    """A request to the process that drives a run."""

    id: int
    verb: str
    arguments: CommandArguments


class State:
    """The database of runs; threads take turns. Methods raise EnvironmentFailure where the file cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bodies: dict[str, str] = {}  # of each run, what tells a changed body from the stored one
        self._fanouts = Fanouts()
        self._turn = threading.RLock()
        with self._guard():
            try:
                self._db = _opened(path)
            except (sqlite3.Error, OSError) as error:
                reading = _opened_to_read(path) if shortage(error) or shortage(probe(path.parent)) else None
                if reading is None:
                    raise
                self._db = reading

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add(
        self,
        ref: RunRef,
        workflow: Workflow,
        objects: Sequence[Object],
        *,
        source: str = "",
        executor: str = "",
        parallelism: int | None = None,
        images: Images | None = None,
        store: Mapping[str, Any] | None = None,
    ) -> None:
        """Record a new run, whole. Raises ConflictError when its name is taken."""
        body, status = _body(workflow), _status(workflow)
        now = datetime.now(UTC).timestamp()
        made = (ref.uid, ref.namespace, ref.name, source, now, executor, parallelism, body, status)
        row = (*made, _dump(images or {}), _dump(store or {}))
        try:
            with self._transaction():
                self._db.execute("INSERT INTO runs VALUES (?,?,?,?,?,?,?,?,?,'Pending',1,?,?)", row)
                self._db.executemany(
                    "INSERT OR REPLACE INTO objects VALUES (?,?,?,?)",
                    [(ref.uid, o["kind"], o["metadata"]["name"], _dump(o)) for o in objects],
                )
        except sqlite3.IntegrityError as error:
            raise name_taken(ref.name) from error

    def find(self, run: str) -> RunRef:
        """The run of that name, uid, or unique beginning of a uid. Raises NotFoundError."""
        rows = self.select(
            "SELECT name, namespace, uid FROM runs WHERE name = ?1"
            " OR (length(?1) >= 6 AND substr(uid, 1, length(?1)) = ?1)",
            run,
        )
        exact = [row for row in rows if run in (row[0], row[2])] or rows
        if len(exact) == 1:
            return RunRef(*exact[0])
        if len(exact) > 1:
            raise NotFoundError(f"{run} is not unique: {', '.join(row[2] for row in exact)}", hint="give the uid")
        names = [name for (name,) in self.select("SELECT name FROM runs")]
        raise NotFoundError(f"no run named {run}", hint=did_you_mean(run, names) or "argosy list shows the runs")

    def rows(self) -> list[RunRow]:
        """All runs, the newest first."""
        return [_row(row) for row in self.select(_ROW + " ORDER BY created_at DESC, name")]

    def row(self, uid: str) -> RunRow:
        """One run. Raises NotFoundError."""
        found = self.select(_ROW + " WHERE uid = ?", uid)
        if not found:
            raise NotFoundError(f"no run with the uid {uid}", hint="argosy list shows the runs")
        return _row(found[0])

    def workflow(self, uid: str) -> tuple[Workflow, int]:
        """The run as a Workflow object with all nodes, and the revision that this is."""
        workflow, revision, _ = self.changes(uid, 0)
        return workflow, revision

    def revision(self, uid: str) -> int:
        """A number that grows whenever the run changes; 0 when there is no such run."""
        found = self.select("SELECT revision FROM runs WHERE uid = ?", uid)
        return int(found[0][0]) if found else 0

    def changes(self, uid: str, since: int, known: Workflow | None = None) -> tuple[Workflow, int, frozenset[str]]:
        """The run now, given `known` as of revision `since` (whose nodes are updated in place): also what changed."""
        with self._guard():
            self._db.execute("BEGIN")
            try:
                head = self._db.execute("SELECT body, status, revision FROM runs WHERE uid = ?", (uid,)).fetchone()
                rows = self._db.execute(
                    "SELECT id, node FROM nodes WHERE uid = ? AND revision > ? ORDER BY rowid", (uid, since)
                ).fetchall()
                children = self._db.execute(
                    "SELECT uid, id, place, child FROM children WHERE uid = ? AND revision > ? ORDER BY id, place",
                    (uid, since),
                ).fetchall()
            finally:
                self._db.execute("COMMIT")
        if head is None:
            raise NotFoundError(f"the run {uid} has been deleted")
        workflow: Workflow = _load(head[0])
        nodes: StoredNodes = dict(known["status"].get("nodes") or {}) if known else {}
        found = dict(zip((key for key, _ in rows), _load(f"[{','.join(node for _, node in rows)}]"), strict=True))
        whole(found, nodes, children)
        nodes.update(found)
        for key in [key for key, node in nodes.items() if node is None]:
            del nodes[key]
        workflow["status"] = {**workflow.get("status", {}), **_load(head[1])}
        if nodes:
            workflow["status"]["nodes"] = nodes
        return workflow, int(head[2]), frozenset(key for key, _ in rows)

    def record(
        self,
        uid: str,
        workflow: Workflow,
        changed: Collection[str],
        launch: Sequence[PodRequest] = (),
        ended: Collection[str] = (),
        settled: Sequence[tuple[int, str]] = (),
    ) -> None:
        """One step of the engine in one transaction: changed nodes, status, pods to start, pods whose end is taken
        in, commands dealt with (id and error).

        A changed id that the workflow has no node for is marked as removed.
        """
        status = _status(workflow)
        mark = _mark(workflow)
        nodes = workflow.get("status", {}).get("nodes") or {}
        children = self._fanouts.rows(uid, changed, nodes)
        phase = workflow.get("status", {}).get("phase") or "Pending"
        with self._transaction():
            self._db.execute(
                "UPDATE runs SET status = ?, phase = ?, revision = revision + 1 WHERE uid = ?", (status, phase, uid)
            )
            if self._bodies.get(uid) != mark:
                self._db.execute("UPDATE runs SET body = ? WHERE uid = ?", (_body(workflow), uid))
            revision = self._db.execute("SELECT revision FROM runs WHERE uid = ?", (uid,)).fetchone()[0]
            self._db.executemany(
                "INSERT INTO nodes VALUES (?,?,?,?)"
                " ON CONFLICT DO UPDATE SET node = excluded.node, revision = excluded.revision",
                [(uid, key, _dump(short(nodes.get(key))), revision) for key in _in_order(changed, nodes)],
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO children VALUES (?,?,?,?,?)", [(*row, revision) for row in children]
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO pods VALUES (?,?,?)", [(uid, r.node_id, dump_request(r)) for r in launch]
            )
            self._db.executemany("DELETE FROM pods WHERE uid = ? AND id = ?", [(uid, key) for key in ended])
            self._db.executemany(
                "UPDATE commands SET settled = 1, error = ? WHERE id = ?", [(error, key) for key, error in settled]
            )
        self._bodies[uid] = mark
        self._fanouts.keep(children)

    def pods(self, uid: str) -> list[PodRequest]:
        """The pods that were to be started and of which no end has been recorded."""
        return [load_request(text) for (text,) in self.select("SELECT request FROM pods WHERE uid = ?", uid)]

    def object(self, uid: str, kind: str, name: str) -> Object | None:
        """An object that was given with a run, or made by it."""
        found = self.select("SELECT object FROM objects WHERE uid = ? AND kind = ? AND name = ?", uid, kind, name)
        return _load(found[0][0]) if found else None

    def objects(self, uid: str) -> list[Object]:
        """All objects that a run may refer to."""
        found = self.select("SELECT object FROM objects WHERE uid = ? ORDER BY kind, name", uid)
        return [_load(text) for (text,) in found]

    def put_object(self, uid: str, value: Object) -> None:
        """Add an object to a run, in place of the one of the same kind and name."""
        with self._transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO objects VALUES (?,?,?,?)",
                (uid, value["kind"], value["metadata"]["name"], _dump(value)),
            )

    def apply(self, step: Callable[[sqlite3.Connection], T]) -> T:
        """The outcome of `step`, in one transaction."""
        with self._transaction():
            return step(self._db)

    def select(self, question: str, *values: Any) -> list[Any]:
        """All rows that a SELECT finds."""
        with self._guard():
            return self._db.execute(question, values).fetchall()

    def post(self, uid: str, verb: str, arguments: CommandArguments) -> int:
        """Leave a command for the process that drives the run; its id."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO commands (uid, verb, arguments) VALUES (?,?,?)", (uid, verb, _dump(arguments))
            )
        return int(cursor.lastrowid or 0)

    def commands(self, uid: str) -> list[Command]:
        """The commands not dealt with, oldest first."""
        question = "SELECT id, verb, arguments FROM commands WHERE uid = ? AND settled = 0 ORDER BY id"
        return [Command(row[0], row[1], _load(row[2])) for row in self.select(question, uid)]

    def settled(self, command: int) -> str | None:
        """None while the command is open; then its error, empty when it was done."""
        found = self.select("SELECT error FROM commands WHERE id = ? AND settled", command)
        return str(found[0][0]) if found else None

    def delete(self, uid: str) -> None:
        """Forget a run and all that belongs to it."""
        with self._transaction():
            self._db.execute("DELETE FROM runs WHERE uid = ?", (uid,))

    @contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            with self._turn:
                yield
        except sqlite3.IntegrityError:
            raise
        except UnicodeEncodeError as error:
            raise UsageError(
                f"what was given is not UTF-8: {error.object[:80]!r}",
                known="nothing was changed",
                hint="use another name",
            ) from error
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: sqlite3.Error | OSError) -> EnvironmentFailure:
        known = "what was recorded before stands"
        if damaged(error):
            return _damaged(f"the state {self._path}", str(error)[:80])
        if found := shortage(error) or shortage(probe(self._path.parent)):
            error.__cause__ = found  # for who asks what this machine has run out of
            return lacking(found, self._path.parent, known=known, then="repeat the command")
        hint = "look for free space and rights in ARGOSY_HOME"
        return EnvironmentFailure(f"the state {self._path} cannot be used: {error}", known=known, hint=hint)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guard():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite itself may have rolled back
                    self._db.execute("ROLLBACK")
                raise


_ROW = "SELECT name, namespace, uid, source, created_at, executor, parallelism, phase, status, images, store FROM runs"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """One process at a time: SQLite does not wait for its turn to switch a new database to the write-ahead log."""
    lock = path.with_name(path.name + ".lock")
    keep_private(lock)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _connect(path: Path, how: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None, timeout=60, check_same_thread=False
    )


def _opened(path: Path) -> sqlite3.Connection:
    keep_private(path)
    db = _connect(path, "mode=rwc")
    try:
        for pragma in ("busy_timeout = 60000", "synchronous = FULL", "foreign_keys = ON"):
            db.execute(f"PRAGMA {pragma}")
        with alone(path):
            if not version(db):
                _check_new(path)
            db.execute("PRAGMA journal_mode = WAL")
            migrate(db)
    except BaseException:
        db.close()
        raise
    return db


def _opened_to_read(path: Path) -> sqlite3.Connection | None:
    """The database where it cannot be written to; None where it cannot be read, either, or is of another version."""
    log = Path(f"{path}-wal")
    logged = log.exists() and log.stat().st_size > 0
    for how in ("mode=ro", "immutable=1")[: 1 if logged else 2]:  # the second would not see the log
        db = _connect(path, how)
        with suppress(sqlite3.Error):
            if version(db) == len(MIGRATIONS) and db.execute("SELECT count(*) FROM runs").fetchone():
                return db
        db.close()
    return None


def _check_new(path: Path) -> None:
    """Raise EnvironmentFailure where a state that holds nothing stands beside the folders of runs."""
    runs = path.parent / "runs"
    count = sum(1 for folder in runs.iterdir() if (folder / "engine.lock").exists()) if runs.is_dir() else 0
    if count:
        raise EnvironmentFailure(
            f"the state {path} is empty or was removed, but {runs} holds {count} run{'s' * (count > 1)}",
            known="nothing was changed; logs and results are as they were",
            hint=f"put a copy of {path.name} back, or begin anew: mv {runs} {runs}.old",
        )


def _row(row: Sequence[Any]) -> RunRow:
    created = datetime.fromtimestamp(row[4], UTC)
    return RunRow(RunRef(*row[:3]), row[3], created, *row[5:8], *map(_load, row[8:11]))


def _in_order(changed: Collection[str], nodes: Mapping[str, NodeStatus]) -> list[str]:
    """The changed ids, new ones in the order in which the workflow got them."""
    if len(changed) * 8 < len(nodes):
        return sorted(changed)
    return [key for key in nodes if key in changed] + sorted(key for key in changed if key not in nodes)


def _body(workflow: Workflow) -> str:
    status = workflow.get("status") or {}
    body = {key: value for key, value in workflow.items() if key != "status"}
    stored = {key: status.get(key) for key in _STORED if key in status}
    return _dump({**body, "status": stored} if stored else body)


def _status(workflow: Workflow) -> str:
    status = workflow.get("status") or {}
    return _dump({key: value for key, value in status.items() if key != "nodes" and key not in _STORED})


def _mark(workflow: Workflow) -> str:
    """Return a text that differs where a body has changed, without all of its content: templates are never edited in
    place, and what is stored of them in the status only grows.
    """
    spec = {key: value for key, value in workflow["spec"].items() if key != "templates"}
    status = workflow.get("status") or {}
    stored = [len(status.get("storedTemplates") or ()), len(status.get("storedWorkflowTemplateSpec") or ())]
    return _dump([workflow["metadata"], spec, len(workflow["spec"].get("templates") or ()), stored])


def _load(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise _damaged("the state", "what it holds is not what was written") from error


def _damaged(what: str, why: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"{what} is damaged: {why}",
        known="the runs' logs and results lie beside it, in runs and store, as they were",
        hint="argosy local repair",
    )


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def dump_request(request: PodRequest) -> str:
    """A pod request as JSON."""
    return _dump({name: getattr(request, name) for name in PodRequest.__slots__})


def load_request(text: str) -> PodRequest:
    """The pod request that `dump_request` wrote."""
    fields = _load(text)
    lists = {name: tuple(fields[name]) for name in ("volumes", "own_claims") if name in fields}
    return PodRequest(**{**fields, **lists})


def parent_uid(workflow: Workflow) -> str:
    """The uid of the run that a run is a child of; empty for any other."""
    owners = workflow["metadata"].get("ownerReferences") or ()
    return next((str(owner["uid"]) for owner in owners if owner.get("kind") == "Workflow"), "")


def name_taken(name: str) -> ConflictError:
    """The error for a second run of one name."""
    return ConflictError(
        f"a run named {name} exists already",
        known="nothing was started",
        hint=f"choose another --name, or: argosy delete {name}",
    )
