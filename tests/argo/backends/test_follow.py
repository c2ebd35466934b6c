"""A run followed over streams that end, break, repeat or lag behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from argo.backend import Json
from argo.backends.follow import follow
from argo.errors import ArgosyError, AuthError, NotFoundError, RemoteError
from tests.waiting import without_waiting

Step = Json | ArgosyError


def picture(version: int, phase: str = "Running", **nodes: str) -> Json:
    found = {key: {"id": key, "phase": given} for key, given in nodes.items()}
    return {"metadata": {"name": "a", "resourceVersion": str(version)}, "status": {"phase": phase, "nodes": found}}


class Place:
    """What the reads give in turn, the last one again and again, and what each stream gives."""

    def __init__(self, reads: list[Step], *streams: list[Step]) -> None:
        self.reads, self.streams = reads, [*streams]

    def read(self) -> Json:
        return given(self.reads.pop(0) if len(self.reads) > 1 else self.reads[0])

    def pictures(self, _now: Json) -> Iterator[Json]:
        for step in self.streams.pop(0) if self.streams else []:
            yield given(step)

    def seen(self) -> list[Any]:
        return [
            (snapshot.workflow["metadata"]["resourceVersion"], snapshot.changed)
            for snapshot in follow(self.read, self.pictures, 0.0001)
        ]


def given(step: Step) -> Json:
    if isinstance(step, ArgosyError):
        raise step
    return step


def test_each_picture_comes_once_with_what_changed() -> None:
    place = Place(
        [picture(1, a="Running")],
        [picture(2, a="Running", b="Running"), picture(3, "Succeeded", a="Succeeded", b="Running")],
    )
    assert place.seen() == [("1", None), ("2", {"b"}), ("3", {"a"})]


def test_no_picture_is_older_than_the_last() -> None:
    place = Place([picture(5)], [picture(4), picture(10), picture(10), picture(9), picture(11, "Failed")])
    assert [version for version, _ in place.seen()] == ["5", "10", "11"]


def test_a_stream_that_breaks_is_taken_up_where_the_run_is() -> None:
    broken = RemoteError("the stream broke")
    place = Place([picture(1), broken, picture(3), picture(4, "Error")], [picture(2), broken], [broken])
    assert [version for version, _ in place.seen()] == ["1", "2", "3", "4"]


def test_a_run_that_has_ended_needs_no_stream() -> None:
    assert Place([picture(7, "Succeeded")], [NotFoundError("no stream")]).seen() == [("7", None)]


def test_a_stream_that_gives_nothing_is_not_asked_for_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = without_waiting("argo.backends.follow", monkeypatch)
    reads: list[Step] = [*[picture(1)] * 5, picture(2, "Succeeded")]
    assert len(Place(reads).seen()) == 2
    assert len(pauses) == 4


def test_a_run_that_is_gone_is_said_to_be() -> None:
    with pytest.raises(NotFoundError, match="not on the cluster"):
        Place([picture(1), NotFoundError("it is not on the cluster any more")], []).seen()


def test_a_refusal_is_believed_after_a_few() -> None:
    refused = AuthError("the token has run out")
    assert len(Place([refused, refused, picture(1, "Succeeded")]).seen()) == 1
    with pytest.raises(AuthError, match="run out"):
        Place([picture(1), refused, refused, refused, picture(2, "Succeeded")], []).seen()
