"""The store and its outbox, on SQLite and PostgreSQL alike; several copies of the service at work together."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from sqlalchemy import inspect, select, text, update

from argo.errors import ConflictError, EnvironmentFailure, NotFoundError, UsageError
from argo.serve.workflow_api import outbox, schema
from argo.serve.workflow_api.consumers import Consumers, digest
from argo.serve.workflow_api.database import Database
from argo.serve.workflow_api.outbox import Outbox
from argo.serve.workflow_api.schema import jobs, tokens
from tests.argo.serve.workflow_api.connector import Connector
from tests.argo.serve.workflow_api.serving import Served, write_assets
from tests.argo.serve.workflow_api.test_edc import c1
from tests.kills import KILLS
from tests.waiting import HANG


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'service.db'}"
    made: str = request.getfixturevalue("postgres").database()
    return made


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    made = Database(url)
    yield made
    made.close()


def wanted(database: Database, kind: Any = "track", subject: str = "s", **more: Any) -> None:
    with database.writing() as connection:
        outbox.add(connection, kind, subject, **more)


def test_the_tables_are_made_once_by_many(url: str) -> None:
    made: list[Any] = []

    def make() -> None:
        database = Database(url)
        made.append(database)
        database.close()

    threads = [threading.Thread(target=make) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 6


def test_a_store_of_another_version_is_not_touched(url: str) -> None:
    from argo.serve.workflow_api.schema import about

    database = Database(url)
    with database.writing() as connection:
        connection.execute(update(about).values(version=99))
    database.close()
    with pytest.raises(EnvironmentFailure, match="of version 99"):
        Database(url)


def test_a_store_of_an_older_version_is_brought_to_the_newest(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = (
        ("ALTER TABLE consumers ADD COLUMN motto VARCHAR(63) DEFAULT 'none' NOT NULL",),
        ("CREATE INDEX consumers_motto ON consumers (motto)", "UPDATE consumers SET motto = 'some'"),
    )
    database = Database(url)
    with database.writing() as connection:
        columns = "id, name, disabled, created_at"
        connection.execute(text(f"INSERT INTO consumers ({columns}) VALUES ('1', 'a', false, 1.0)"))
    database.close()
    monkeypatch.setattr(schema, "STEPS", steps)
    for _ in range(2):
        database = Database(url)
        with database.reading() as connection:
            assert connection.execute(text("SELECT motto FROM consumers")).scalar() == "some"
            assert connection.execute(text("SELECT version FROM about")).scalar() == 3
        database.close()
    monkeypatch.setattr(schema, "STEPS", steps[:1])
    with pytest.raises(EnvironmentFailure, match="of version 3, this program knows up to 2"):
        Database(url)


def test_a_step_that_fails_leaves_the_store_as_it_was(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Database(url).close()
    monkeypatch.setattr(schema, "STEPS", (("ALTER TABLE consumers ADD COLUMN motto TEXT", "no statement"),))
    with pytest.raises(EnvironmentFailure, match="cannot be used"):
        Database(url)
    monkeypatch.setattr(schema, "STEPS", ())
    database = Database(url)
    with database.reading() as connection:
        assert "motto" not in {column["name"] for column in inspect(connection).get_columns("consumers")}
    database.close()


@pytest.mark.parametrize("data", [b"", b"no database" * 1000, None], ids=["emptied", "no database", "damaged"])
def test_a_file_that_is_no_store_any_more_is_told_apart(tmp_path: Path, data: bytes | None) -> None:
    file = tmp_path / "service.db"
    Database(f"sqlite:///{file}").close()
    before = file.read_bytes()
    data = before[:4096] + b"\xff" * (len(before) - 4096) if data is None else data
    file.write_bytes(data)
    with pytest.raises(EnvironmentFailure, match=r"damaged|emptied") as caught:
        Database(f"sqlite:///{file}")
    assert caught.value.known.startswith("nothing was changed")
    assert "put a copy" in caught.value.hint
    assert str(file) in caught.value.hint


def test_what_is_raised_undoes_the_transaction(database: Database) -> None:
    def fail() -> None:
        with database.writing() as connection:
            outbox.add(connection, "track", "s")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Outbox(database, "a").claim(5) == []


def test_a_key_waits_once(database: Database) -> None:
    wanted(database, key="k", due=time.time() + 3600)
    wanted(database, key="k")
    (job,) = Outbox(database, "a").claim(5)
    assert (job.subject, job.attempts) == ("s", 1)
    wanted(database, key="k")
    with database.writing() as connection:
        Outbox(database, "a").done(connection, job)
    wanted(database, key="k")
    assert len(Outbox(database, "b").claim(5)) == 1, "what is done may be wanted again"


def test_a_lease_keeps_others_off_until_it_ends(database: Database) -> None:
    wanted(database)
    first, second = Outbox(database, "a"), Outbox(database, "b")
    (job,) = first.claim(5)
    assert second.claim(5) == []
    with database.writing() as connection:
        connection.execute(update(jobs).values(leased_until=time.time() - 1))
    (again,) = second.claim(5)
    assert (again.id, again.attempts) == (job.id, 2)
    first.renew([job.id])
    assert first.claim(5) == []


def test_attempts_count_failures_alone(database: Database) -> None:
    wanted(database)
    box = Outbox(database, "a")
    for attempts in (1, 2, 3):
        (job,) = box.claim(1)
        assert job.attempts == attempts
        with database.writing() as connection:
            box.again(connection, job, 0, "it failed")
    (job,) = box.claim(1)
    with database.writing() as connection:
        box.again(connection, job, 0)
    (job,) = box.claim(1)
    assert job.attempts == 1
    with database.writing() as connection:
        box.dead(connection, job, "given up")
    assert box.counts() == [("track", "dead", 1)]


def test_many_copies_do_every_job_once(database: Database) -> None:
    for number in range(200):
        wanted(database, subject=str(number), key=f"k{number}")
    done: list[str] = []

    def work(name: str) -> None:
        box = Outbox(database, name)
        while claimed := box.claim(7):
            for job in claimed:
                done.append(job.subject)
                with database.writing() as connection:
                    box.done(connection, job)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(done) == {str(number): 1 for number in range(200)}


def test_many_want_one_key(database: Database) -> None:
    threads = [threading.Thread(target=wanted, args=(database,), kwargs={"key": "k"}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Outbox(database, "a").claim(20)) == 1


def test_consumers_and_tokens(database: Database) -> None:
    known = Consumers(database)
    known.add("a", max_runs=2)
    with pytest.raises(ConflictError, match="there is a consumer a"):
        known.add("a")
    with pytest.raises(UsageError, match="not a name"):
        known.add("A B")
    with pytest.raises(NotFoundError):
        known.issue("b", ["runs"])
    with pytest.raises(UsageError, match="no scope nothing"):
        known.issue("a", ["nothing"])
    token = known.issue("a", ["runs", "assets"])
    caller = known.caller(token)
    assert caller is not None
    assert (caller.consumer.name, caller.consumer.max_runs, caller.scopes) == ("a", 2, frozenset({"assets", "runs"}))
    assert known.caller(token + "x") is None
    (row,) = database.every(select(tokens))
    assert row["digest"] == digest(token)
    assert token not in str(row)
    assert token not in str(known.all())


def test_two_copies_share_the_work_and_one_is_killed(postgres: Any, tmp_path: Path, called: Connector) -> None:
    """Runs and callbacks go on when one of two copies is killed at any moment; none is doubled."""
    count, chance = max(12, 4 * (KILLS // 10)), random.Random(5)
    url = postgres.database()
    write_assets(tmp_path / "assets")
    project = {"kind": "Project", "service": {"edc": {"callbacks": [called.url]}, "limits": {"runs": count}}}
    (tmp_path / "argosy.yaml").write_text(yaml.safe_dump(project))
    copies = [Served(tmp_path, database=url, arguments=("assets",)) for _ in range(2)]
    try:
        for copy in copies:
            copy.start()
        token = copies[0].consumer("connector", "--scope", "edc", "--scope", "runs")
        for number in range(count):
            at = f"{copies[number % 2].url}/edc/{token}/c1"
            assert httpx.post(at, json=c1(called.url, "echo", process=f"p{number}"), timeout=HANG).status_code == 200
            if number % 4 == 3:
                killed = copies[chance.randrange(2)]
                time.sleep(chance.uniform(0, 0.3))
                killed.kill()
                killed.start()
        copies[1].kill()

        def told() -> Any:
            return len({path for path, _, _ in called.told}) == count

        copies[0].until(told, "all are told")
        runs = copies[0].client(token).get("/v1/runs?limit=1000").json()["runs"]
        assert Counter(run["state"] for run in runs) == {"succeeded": count}
        listed = yaml.safe_load(copies[0].command("list", "-o", "yaml"))
        assert len(listed) == count, "no run is doubled"
    finally:
        for copy in copies:
            copy.close()
