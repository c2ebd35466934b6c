"""Values as Argo writes and reads them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from argo.workflow.values import parse_duration, whole


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("+7", 7), ("-7", -7), ("007", 7)])
def test_whole_numbers_are_those_of_go(text: str, number: int) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["", " 7", "7\n", "1_0", "٣", "²", "1e3", "7.0", "9" * 5000, "True"])
def test_no_other_text_is_a_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="invalid syntax"):
        whole(text)


@pytest.mark.parametrize("text", ["", "٣s", "٣", "9" * 18, "999999999999h", "1_0s", "5 s"])
def test_what_is_no_duration_of_go_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_durations() -> None:
    assert parse_duration("1h30m") == timedelta(minutes=90)
    assert parse_duration("90") == timedelta(seconds=90)
