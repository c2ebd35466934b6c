"""JSON bodies of requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, model_validator


class Message(BaseModel):
    """A JSON body. It holds no text that a store or a program cannot take: a NUL, half of a character."""

    @model_validator(mode="before")
    @classmethod
    def _check_text(cls, value: Any) -> Any:
        if any("\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text) for text in _texts(value)):
            raise ValueError("it holds text that cannot be kept: a NUL, or half of a character")
        return value


def _texts(value: Any) -> Iterator[str]:
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            left += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            left += item
