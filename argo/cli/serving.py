"""The options of commands that serve: where, under which names, for whose token."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from argo.errors import UsageError

if TYPE_CHECKING:
    from argo.serve.guard import Admit


@dataclass(frozen=True, slots=True)
class Door:
    """The options of a command that serves: where it listens, and how callers prove who they are."""

    host: str
    port: int
    token_file: Path | None
    without_token: bool
    names: tuple[str, ...]

    def open(self, file: str, types: tuple[str, ...] = ()) -> OpenDoor:
        """Listen, with the token in `--token-file`, else in that file of ARGOSY_HOME. Raises EnvironmentFailure,
        UsageError."""
        from argo.local.home import default_home
        from argo.serve import sockets
        from argo.serve.guard import small_server
        from argo.serve.tokens import token_of

        if self.without_token and self.token_file is not None:
            raise UsageError("--token-file and --without-token exclude each other")
        token, path = "", None
        if not self.without_token:
            home = default_home()
            home.mkdir(parents=True, exist_ok=True, mode=0o700)
            token, path = token_of(home / file, self.token_file)
        listener = sockets.listen(self.host, self.port)
        admit = small_server(token, sockets.names(self.host, self.names), types=types)
        return OpenDoor(listener, sockets.address(listener, self.host), admit, path)


@dataclass(frozen=True, slots=True)
class OpenDoor:
    """A socket that listens, its URL without a slash at its end, who is let in, and the file with the token."""

    listener: socket.socket
    url: str
    admit: Admit
    token: Path | None

    @property
    def header(self) -> str:
        """How whoever calls brings the token."""
        if self.token is None:
            return "whoever reaches it is let in, but no page in a browser"
        return f'each request brings: -H "Authorization: Bearer $(cat {self.token})"'


def options(command: Callable[..., int]) -> Callable[..., int]:
    """`--host`, `--port`, `--name`, `--token-file` and `--without-token`: `door`."""

    @wraps(command)
    def taken(*, host: str, port: int, token_file: Path | None, without_token: bool, names: Any, **others: Any) -> int:
        return command(door=Door(host, port, token_file, without_token, names), **others)

    for option in (
        click.option("--without-token", is_flag=True, help="Let in whoever reaches this, but no page in a browser."),
        click.option("--token-file", type=click.Path(path_type=Path, dir_okay=False),
                     help="Whoever calls needs this token; default: one that is made, in ARGOSY_HOME."),
        click.option("--name", "names", metavar="HOST", multiple=True,
                     help="A name by which clients call this server, besides --host and addresses."),
        click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, envvar="PORT",
                     show_envvar=True, help="0: any that is free."),
        click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen."),
    ):  # fmt: skip
        taken = option(taken)
    return taken
