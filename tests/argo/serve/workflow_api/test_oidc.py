"""Tokens of an identity provider."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.argo.serve.workflow_api.serving import Served
from tests.http_servers import answer, answering

AUDIENCE = "argosy"


class Issuer:
    """An identity provider with one key at a time."""

    def __init__(self) -> None:
        self.url = ""
        self.asked = 0
        self.key: Any = None
        self.kid = ""
        self.turn()

    def turn(self) -> None:
        """A new key."""
        self.key = rsa.generate_private_key(65537, 2048)
        self.kid = f"key-{time.monotonic_ns()}"

    def keys(self) -> Any:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": self.kid, "use": "sig", "alg": "RS256"}]}

    def token(self, subject: str = "alice", key: Any = None, algorithm: str = "RS256", **more: Any) -> str:
        now = int(time.time())
        claims = {"iss": self.url, "sub": subject, "aud": AUDIENCE, "iat": now, "exp": now + 300, **more}
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, key or self.key, algorithm=algorithm, headers={"kid": self.kid})


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    known = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked += 1
            about = {"issuer": known.url, "jwks_uri": f"{known.url}/keys"}
            answer(self, 200, json.dumps(known.keys() if self.path == "/keys" else about).encode())

    with answering(Handler) as known.url:
        yield known


def serve(served: Served, issuer: Issuer, **more: Any) -> Served:
    oidc = {"issuer": issuer.url, "audience": AUDIENCE, **more}
    (served.folder / "argosy.yaml").write_text(yaml.safe_dump({"kind": "Project", "service": {"oidc": oidc}}))
    return served.start()


def status(served: Served, token: str, path: str = "/v1/runs") -> int:
    return served.client(token).get(path).status_code


def test_a_known_subject_is_its_consumer(unserved: Served, issuer: Issuer) -> None:
    serve(unserved, issuer)
    own = unserved.consumer("alice", "--subject", f"{issuer.url}#alice")
    client = unserved.client(issuer.token())
    assert client.get("/v1/me").json()["name"] == "alice"
    run = client.post("/v1/runs", json={"asset": "echo"}).json()["id"]
    assert unserved.client(own).get(f"/v1/runs/{run}").status_code == 200
    assert status(unserved, issuer.token("bob")) == 401
    asked = issuer.asked
    assert [status(unserved, issuer.token()) for _ in range(5)] == [200] * 5
    assert issuer.asked == asked, "keys are kept"


def test_tokens_that_are_none(unserved: Served, issuer: Issuer) -> None:
    serve(unserved, issuer)
    unserved.consumer("alice", "--subject", f"{issuer.url}#alice")
    other = rsa.generate_private_key(65537, 2048)
    now = int(time.time())
    for token in (
        issuer.token(exp=now - 60),
        issuer.token(exp=None),
        issuer.token(aud="another"),
        issuer.token(aud=None),
        issuer.token(iss="https://elsewhere.example.com"),
        issuer.token(sub=None),
        issuer.token(nbf=now + 600),
        issuer.token(key=other),
        issuer.token(key=ec.generate_private_key(ec.SECP256R1()), algorithm="ES256"),
        issuer.token(key="x" * 32, algorithm="HS256"),
        jwt.encode({"sub": "alice"}, key="", algorithm="none"),
        issuer.token()[:-4] + "AAAA",
        "a.b.c",
    ):
        assert status(unserved, token) == 401
    assert status(unserved, issuer.token()) == 200


def test_scopes_come_from_the_token_or_the_settings(unserved: Served, issuer: Issuer) -> None:
    serve(unserved, issuer, scopes=["assets", "inputs"])
    unserved.consumer("alice", "--subject", f"{issuer.url}#alice")
    assert (status(unserved, issuer.token()), status(unserved, issuer.token(), "/v1/assets")) == (403, 200)
    assert status(unserved, issuer.token(scope="openid inputs"), "/v1/assets") == 403
    for more in ("runs", "assets runs edc"):
        assert status(unserved, issuer.token(scope=more)) == 403, "the settings are the ceiling"
    assert status(unserved, issuer.token(scope="assets runs"), "/v1/assets") == 200


def test_subjects_are_registered_where_that_is_wanted(unserved: Served, issuer: Issuer) -> None:
    serve(unserved, issuer, register=True)
    client = unserved.client(issuer.token("carol"))
    name = client.get("/v1/me").json()["name"]
    assert name.startswith("oidc-")
    assert unserved.client(issuer.token("dave")).get("/v1/me").json()["name"] != name
    unserved.command("consumers", "disable", name)
    assert client.get("/v1/me").status_code == 401


def test_a_new_key_is_fetched_when_it_is_used(unserved: Served, issuer: Issuer) -> None:
    serve(unserved, issuer, register=True)
    assert status(unserved, issuer.token()) == 200
    issuer.turn()
    unserved.until(lambda: status(unserved, issuer.token()) == 200, "the new key is taken")
