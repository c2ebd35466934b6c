"""Which place a command works on: the profile that is chosen, the argo CLI's variables, or this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argo.app.profiles import LOCAL, find, read, require, unknown
from argo.errors import UsageError
from argo.target import ClusterAddress, ServerAddress, Target

if TYPE_CHECKING:
    from argo.backend import Json

_OWN_TOKEN = "ARGOSY_TOKEN"  # noqa: S105  (a variable's name)
_TARGETS = ("ARGO_SERVER", "KUBECONFIG")
_VARIABLES = (
    *_TARGETS, "ARGO_TOKEN", "ARGO_NAMESPACE", "ARGO_SECURE", "ARGO_BASE_HREF", "ARGO_HTTP1",
    "ARGO_INSECURE_SKIP_VERIFY",
)  # fmt: skip


def choose(definitions: Sequence[Path], profile: str | None, *, by_hand: bool = False, here: bool = False) -> Target:
    """The place to work on: the profile asked for (`by_hand`: by the option), else what the argo CLI's variables say
    (`here`: they say no more than that the file's default is not meant), else the file's default, else this machine.

    argosy.yaml is looked for upwards from the definitions, without any from the working folder. Raises UsageError for
    a profile that is not there and for one of a cluster where it has to be `here`, DefinitionError for a file with
    mistakes; where definitions are compiled, that reports them with all others.
    """
    location = _project_file(definitions)
    project = _project(location, reported=bool(definitions))
    default = project.get("default")
    named = next((name for name in _TARGETS if os.environ.get(name)), "")
    notes = _not_taken(named, default) if profile is None else _not_used(profile) if by_hand else ()
    if profile is None and named:
        if not here:
            return from_variables(notes)
        profile = LOCAL
    name = profile or default or LOCAL
    profiles: Json = project.get("profiles", {})
    if location is not None and (chosen := profiles.get(name)):
        _require_here(name, chosen, here)
        return _of_profile(name, chosen, Path(location).parent, notes, own=profile is None)
    if name != LOCAL and not definitions:  # else the compiler says so, with all that it finds
        raise unknown(name, location, profiles)
    return Target(profile or default, notes=notes)


def _not_used(profile: str) -> tuple[str, ...]:
    """Return a note about variables of the argo CLI beside a profile that was asked for."""
    ignored = [name for name in _VARIABLES if os.environ.get(name)]
    return (f"note: {', '.join(ignored)} not used: --profile {profile} is given",) if ignored else ()


def _not_taken(variable: str, default: str | None) -> tuple[str, ...]:
    """Return a note about the file's default profile beside a variable that goes before it."""
    if not variable or default in (None, LOCAL):
        return ()
    return (f"note: {variable} is set, so the default profile {default} is not taken; --profile {default} does",)


def from_variables(notes: tuple[str, ...] = ()) -> Target:
    """The place that ARGO_SERVER, else KUBECONFIG names. Facts: docs/environment-variables.md and cmd/argo of Argo."""
    from argo.app.credentials import source

    namespace = os.environ.get("ARGO_NAMESPACE", "")
    server = os.environ.get("ARGO_SERVER")
    if not server:
        return Target(namespace=namespace, cluster=ClusterAddress(), notes=notes)
    if "://" not in server:
        server = f"{'https' if _flag('ARGO_SECURE', True) else 'http'}://{server}"
    base = os.environ.get("ARGO_BASE_HREF", "").strip("/")
    url = server.rstrip("/") + (f"/{base}" if base else "")
    address = ServerAddress(
        url, source((_OWN_TOKEN, "ARGO_TOKEN")), verify=not _flag("ARGO_INSECURE_SKIP_VERIFY", False)
    )
    return Target(namespace=namespace, server=address, notes=(*notes, *_cautions(address)))


def _require_here(name: str, profile: Json, here: bool) -> None:
    server, context = profile["engine"]["server"], profile["engine"]["context"]
    if here and (server or context):
        where = f"the Argo Server {server}" if server else f"the cluster of the context {context}"
        raise UsageError(
            f"the profile {name} is of {where}; run executes on this machine",
            known="nothing was started",
            hint=f"send it there: argosy submit … --profile {name}; or run it here with --profile local",
        )


def _of_profile(name: str, profile: Json, folder: Path, notes: tuple[str, ...], *, own: bool) -> Target:
    """`own`: nobody named the profile, so that the argo CLI's token counts, too."""
    engine = profile["engine"]
    server = _server(engine, folder, own=own) if engine["server"] else None
    cluster = ClusterAddress(engine["context"], _path(engine["kubeconfig"], folder)) if engine["context"] else None
    return Target(
        name,
        profile["namespace"] or "",
        server,
        cluster,
        _store(profile["store"], folder),
        profile["images"],
        (*notes, *(_cautions(server) if server else ())),
    )


def _server(engine: Json, folder: Path, *, own: bool) -> ServerAddress:
    from argo.app.credentials import source

    variables = (_OWN_TOKEN, "ARGO_TOKEN") if own else (_OWN_TOKEN,)
    url = engine["server"]
    return ServerAddress(
        (url if "://" in url else f"https://{url}").rstrip("/"),
        source(variables, _path(engine["token_file"], folder), tuple(engine["token_command"])),
        not engine["insecure_skip_verify"],
        _path(engine["ca_file"], folder),
        _path(engine["cert_file"], folder),
        _path(engine["key_file"], folder),
    )


def _cautions(server: ServerAddress) -> tuple[str, ...]:
    """Return a note for each unsafe thing about the connection to a server."""
    from urllib.parse import urlsplit

    parts = urlsplit(server.url)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        return (f"note: {server.url} is plain HTTP: whoever is on the way reads the token and changes what is sent",)
    if parts.scheme == "https" and not server.verify:
        return (f"note: the certificate of {server.url} is not verified",)
    return ()


def _project_file(definitions: Sequence[Path]) -> str | None:
    from argo.shipped import root
    from compiler.load.files import find_project

    if not definitions:
        return find()
    ours = root()
    return find_project([str(path.absolute()) for path in definitions], str(ours) if ours else None)


def _project(location: str | None, *, reported: bool) -> Json:
    """Read the profiles of argosy.yaml; none where there is none, or it has mistakes that somebody else reports."""
    if location is None:
        return {}
    found = read(location)
    if found is None and not reported:
        require(location)
    return found or {}


def _store(store: Json | None, folder: Path) -> dict[str, Any]:
    if store is None:
        return {}
    settings: dict[str, Any] = {name: store[name] for name in ("endpoint", "bucket", "insecure")}
    if store["region"]:
        settings["region"] = store["region"]
    if store["ca_file"]:
        settings["caFile"] = str(_path(store["ca_file"], folder))
    return settings


def _path(text: str | None, folder: Path) -> Path | None:
    """A path of argosy.yaml, which stands for itself or below the file's folder."""
    return folder / Path(text).expanduser() if text else None


def _flag(name: str, default: bool) -> bool:
    """A variable as Go's strconv.ParseBool reads it. Raises UsageError for anything else."""
    text = os.environ.get(name, "")
    if not text:
        return default
    if text in ("1", "t", "T", "TRUE", "true", "True"):
        return True
    if text in ("0", "f", "F", "FALSE", "false", "False"):
        return False
    raise UsageError(f"{name} is true or false, not {text!r}")
