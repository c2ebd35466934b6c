"""Who calls: a token of the service's own, or one of an identity provider; and what it allows."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from argo.errors import ConflictError
from argo.service.consumers import SCOPES, Caller, Consumer, Consumers
from argo.service.errors import Refused

if TYPE_CHECKING:
    from compiler.models.service import Oidc

_ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY: Final = 30  # seconds by which clocks may differ
_TIMEOUT: Final = 10
_FRESH: Final = 300.0  # seconds that a provider's keys are kept


class Identity:
    """Tells whose a token is."""

    def __init__(self, consumers: Consumers, oidc: Oidc | None = None) -> None:
        self._consumers = consumers
        self._provider = Provider(oidc) if oidc is not None else None

    def caller(self, token: str) -> Caller | None:
        """None where the token opens nothing. Raises Refused where the identity provider does not answer."""
        if not token or len(token) > 8192:
            return None
        if self._provider is not None and token.count(".") == 2:
            return self._of_provider(self._provider, token)
        return self._consumers.caller(token)

    def _of_provider(self, provider: Provider, token: str) -> Caller | None:
        claims = provider.claims(token)
        subject = claims.get("sub") if claims is not None else None
        if claims is None or not isinstance(subject, str) or not subject:
            return None
        known = f"{provider.oidc.issuer}#{subject}"
        consumer = self._consumers.of_subject(known)
        if consumer is None and provider.oidc.register_:
            consumer = self._register(known)
        if consumer is None:
            return None
        said = claims.get("scope")
        scopes = SCOPES.keys() & set(said.split()) if isinstance(said, str) else set()
        return Caller(consumer, frozenset(scopes or provider.oidc.scopes))

    def _register(self, subject: str) -> Consumer | None:
        """A consumer for a subject that is new; None for one that is disabled."""
        import hashlib

        name = f"oidc-{hashlib.sha256(subject.encode()).hexdigest()[:20]}"
        try:
            return self._consumers.add(name, subject=subject)
        except ConflictError:  # by another request just now, or disabled
            return self._consumers.of_subject(subject)


class Provider:
    """An identity provider and its keys."""

    def __init__(self, oidc: Oidc) -> None:
        self.oidc = oidc
        self._keys: dict[str, Any] = {}
        self._until = 0.0
        self._turn = threading.Lock()

    def claims(self, token: str) -> dict[str, Any] | None:
        """What a token says, where it is good; else None. Raises Refused where the keys cannot be had."""
        import jwt

        try:
            key = self._key(jwt.get_unverified_header(token).get("kid") or "")
            if key is None:
                return None
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=_ALGORITHMS, audience=self.oidc.audience, issuer=self.oidc.issuer,
                leeway=_LEEWAY, options={"require": ["exp", "iss", "aud", "sub"]},
            )  # fmt: skip
        except (jwt.PyJWTError, ValueError, TypeError):  # TypeError: a key of another kind than the algorithm
            return None
        return claims

    def _key(self, kid: str) -> Any:
        with self._turn:
            known = kid in self._keys
            if time.monotonic() > self._until or (not known and time.monotonic() > self._until - _FRESH + 10):
                self._keys = self._fetch()
                self._until = time.monotonic() + _FRESH
            if not kid and len(self._keys) == 1:
                return next(iter(self._keys.values()))
            return self._keys.get(kid)

    def _fetch(self) -> dict[str, Any]:
        import jwt

        try:
            about = f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
            place = self.oidc.jwks or self._read(about)["jwks_uri"]
            keys = jwt.PyJWKSet.from_dict(self._read(place)).keys
        except (OSError, ValueError, LookupError, TypeError, jwt.PyJWTError) as error:
            if self._keys:
                return self._keys  # those it had: it answers again soon
            raise Refused(503, "unavailable", "the identity provider does not answer", retry=10) from error
        return {key.key_id or "": key.key for key in keys}

    def _read(self, url: str) -> Any:
        if not url.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError("an identity provider's keys come over https")
        with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310  (held against schemes above)
            return json.loads(answer.read(1 << 20))
