"""The way to an Argo Server. Facts: its OpenAPI file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from argo.backends.argo_server.http import Client
from argo.errors import ArgosyError, AuthError, UsageError
from argo.http import part
from argo.setup.checks import Check, attempt, of_store, skipped
from argo.target import ServerAddress, Target

if TYPE_CHECKING:
    from argo.storage import Store

_REST = ("token", "rights", "check of manifests", "network policies", "store")
_PROBE = {
    "metadata": {"generateName": "argosy-doctor-"},
    "spec": {"entrypoint": "m", "templates": [{"name": "m", "container": {"image": "busybox", "command": ["true"]}}]},
}


def examine_server(target: Target, address: ServerAddress) -> Iterator[Check]:
    """The checks of a server."""
    namespace = target.namespace or "default"
    try:
        client = Client(address)
    except ArgosyError as error:
        yield Check("server", "failed", error.message, error.hint)
        yield from skipped(_REST, "without a server")
        return
    with closing(client):
        reached = attempt("server", lambda: _reached(client))
        yield reached
        if reached.state == "failed":
            yield from skipped(_REST, "the server was not reached")
            return
        token = attempt("token", lambda: _who(client), "give one: ARGOSY_TOKEN, or tokenFile of the profile")
        yield token
        if token.state == "failed":
            yield from skipped(_REST[1:3], "the token is not taken")
        else:
            setup = "an administrator applies: argosy setup | kubectl apply -f -"
            path = f"/api/v1/workflows/{part(namespace)}"
            yield attempt("rights", lambda: _lists(client, path, namespace), setup)
            yield attempt("check of manifests", lambda: _lints(client, path), setup)
    unseen = "an Argo Server does not show them, and makes none for extended assets"
    yield Check("network policies", "skipped", unseen, "use a profile with a kubeconfig context")
    yield from of_store(lambda: _store(target), namespace)


def _reached(client: Client) -> str | Check:
    try:
        return f"{client.url}, Argo {client.get('/api/v1/version').get('version', '?')}"
    except AuthError:
        return f"{client.url} answers"
    except ArgosyError as error:
        hint = error.hint if "doctor" not in error.hint else "look at the address, at proxies and firewalls"
        return Check("server", "failed", error.message, hint)


def _who(client: Client) -> str:
    return f"you are {client.user() or 'somebody'}"


def _lists(client: Client, path: str, namespace: str) -> str:
    client.get(path, {"listOptions.limit": "1", "fields": "items.metadata.name"})
    return f"the runs of {namespace} may be listed"


def _lints(client: Client, path: str) -> str:
    namespace = path.rpartition("/")[2]
    client.call("POST", f"{path}/lint", None, {"namespace": namespace, "workflow": _PROBE})
    return "the server checks manifests"


def _store(target: Target) -> Store:
    from argo.storage.settings import s3_store

    if not target.store:
        raise UsageError("the profile has no store", hint="fetch with --via server, or add a `store` to the profile")
    return s3_store(target.store)
