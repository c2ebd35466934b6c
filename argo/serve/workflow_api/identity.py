"""Who calls: a token of the service's own, or one of an identity provider; and what it allows."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urljoin

from anyio import CapacityLimiter, fail_after, to_thread

from argo.errors import ConflictError, UsageError
from argo.http import Asker, NoAnswerError, read
from argo.serve.refusal import Refusal
from argo.serve.workflow_api.consumers import SCOPES, Caller, Consumer, Consumers

if TYPE_CHECKING:
    from compiler.models.service import Oidc

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY: Final = 30  # seconds by which clocks may differ
_TIMEOUT: Final = 10.0  # seconds in which a provider's keys have come
_FRESH: Final = 300.0  # seconds until a provider's keys are fetched again
_AGAIN: Final = 10.0  # seconds until that is tried again
_PIECE: Final = 1 << 20  # bytes of a provider's document
_THREADS: Final = {"callers": 8, "probes": 2}
_FAULTS: Final = (NoAnswerError, UsageError, OSError, ValueError, LookupError, TypeError, RecursionError)
T = TypeVar("T")
log = logging.getLogger("argosy.service")


class Identity:
    """Tells whose a token is."""

    def __init__(self, consumers: Consumers, oidc: Oidc | None = None) -> None:
        self._consumers = consumers
        self._provider = Provider(oidc) if oidc is not None else None

    async def caller(self, token: str) -> Caller | None:
        """None where the token opens nothing. Raises Refusal where the identity provider does not answer."""
        if not token or len(token) > 8192:
            return None
        if self._provider is None or token.count(".") != 2:
            return await asked(lambda: self._consumers.caller(token))
        provider, claims = self._provider, await self._provider.claims(token)
        return None if claims is None else await asked(lambda: self._of_provider(provider, claims))

    def _of_provider(self, provider: Provider, claims: dict[str, Any]) -> Caller | None:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not subject:
            return None
        known = f"{provider.oidc.issuer}#{subject}"
        consumer = self._consumers.of_subject(known)
        if consumer is None and provider.oidc.register_:
            consumer = self._register(known)
        if consumer is None:
            return None
        said = claims.get("scope")
        scopes = SCOPES.keys() & set(said.split()) if isinstance(said, str) else set()
        return Caller(consumer, frozenset((scopes or SCOPES.keys()) & set(provider.oidc.scopes)))

    def _register(self, subject: str) -> Consumer | None:
        """A consumer for a subject that is new; None for one that is disabled."""
        import hashlib

        name = f"oidc-{hashlib.sha256(subject.encode()).hexdigest()[:20]}"
        try:
            return self._consumers.add(name, subject=subject)
        except ConflictError:  # by another request just now, or disabled
            return self._consumers.of_subject(subject)


async def asked(work: Callable[[], T], who: str = "callers", *, abandon: bool = False) -> T:
    """Ask the store by `work` in threads that do nothing else: who calls is known, and `probes` are answered,
    however long other requests take. `abandon`: whoever asks may cease to wait."""
    return await to_thread.run_sync(work, limiter=_threads(who), abandon_on_cancel=abandon)


@cache
def _threads(who: str) -> CapacityLimiter:
    return CapacityLimiter(_THREADS[who])


class Provider:
    """An identity provider and its keys. They are fetched by one thread, for all who wait for them, within a time; keys
    that are known serve meanwhile."""

    def __init__(self, oidc: Oidc) -> None:
        self.oidc = oidc
        self._keys: dict[str, Any] = {}
        self._until = self._tried = float("-inf")  # when the keys are stale; when they were last asked for
        self._fetching: asyncio.Task[None] | None = None

    async def claims(self, token: str) -> dict[str, Any] | None:
        """Verify a token; return its claims, or None where it is not valid. Raises Refusal where no keys can be had."""
        import jwt

        try:
            key = await self._key(jwt.get_unverified_header(token).get("kid") or "")
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=_ALGORITHMS, audience=self.oidc.audience, issuer=self.oidc.issuer,
                leeway=_LEEWAY, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):  # TypeError: a key of another kind
            return None
        return claims

    async def _key(self, kid: str) -> Any:
        found, now = self._known(kid), time.monotonic()
        if (found is None or now > self._until) and now > self._tried + _AGAIN and self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch())
        if found is None and self._fetching is not None:
            await asyncio.shield(self._fetching)
            found = self._known(kid)
        if found is None and not self._keys:
            raise Refusal(503, "unavailable", "the identity provider does not answer", retry=int(_AGAIN))
        return found

    def _known(self, kid: str) -> Any:
        if not kid and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(kid)

    async def _fetch(self) -> None:
        """Fetch the keys; where that fails those that are known stay, and for some seconds nobody asks again."""
        import jwt

        try:
            with fail_after(_TIMEOUT):
                keys = await to_thread.run_sync(self._read_keys, abandon_on_cancel=True, limiter=CapacityLimiter(1))
            self._keys, self._until = keys, time.monotonic() + _FRESH
        except (*_FAULTS, jwt.PyJWTError) as error:
            log.warning("the identity provider does not answer", extra={"reason": str(error) or type(error).__name__})
        finally:
            self._fetching, self._tried = None, time.monotonic()

    def _read_keys(self) -> dict[str, Any]:
        import jwt

        end = time.monotonic() + _TIMEOUT
        about = f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
        place = self.oidc.jwks or _read(about, end)["jwks_uri"]
        return {key.key_id or "": key.key for key in jwt.PyJWKSet.from_dict(_read(place, end)).keys}


def _read(url: str, end: float, redirects: int = 3) -> Any:
    """A JSON document, all of which has come by then (monotonic); where it has moved to it is to be as safe."""
    if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        raise ValueError("an identity provider's keys come over https")
    data = b""
    with closing(Asker(url)) as asker:
        answer = asker.ask("GET", url, attempts=1, read=_TIMEOUT, stream=True)
        if 300 <= answer.status < 400 and redirects:
            return _read(urljoin(url, answer.headers["Location"]), end, redirects - 1)
        if answer.status != 200:
            raise ValueError(f"it answers with status {answer.status}")
        while piece := read(answer, _PIECE):
            data += piece
            if time.monotonic() > end or len(data) > _PIECE:
                raise TimeoutError
    return json.loads(data)
