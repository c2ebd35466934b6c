"""The `sprig.*` functions of Argo's expressions.

Facts: Masterminds/sprig v3.3 as Argo offers it (without `env` and `expandenv`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from argo.expressions.errors import ExpressionError
from argo.expressions.sprig_data import DATA
from argo.expressions.sprig_math import MATH
from argo.expressions.sprig_text import TEXT
from argo.expressions.sprig_time import TIME

UNSUPPORTED = (
    "getHostByName", "bcrypt", "htpasswd", "genPrivateKey", "derivePassword", "buildCustomCert", "genCA",
    "genCAWithKey", "genSelfSignedCert", "genSelfSignedCertWithKey", "genSignedCert", "genSignedCertWithKey",
    "encryptAES", "decryptAES", "wrap", "wrapWith", "urlParse", "urlJoin", "shuffle", "durationRound",
)  # fmt: skip


def _checked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (TypeError, AttributeError, ValueError, KeyError, IndexError, OverflowError) as error:
            if isinstance(error, ExpressionError):
                raise
            raise ExpressionError(f"error calling sprig.{name}: {error}") from None

    return call


def _refused(name: str) -> Callable[..., Any]:
    def call(*_: Any) -> Any:
        raise ExpressionError(f"the function sprig.{name} is not supported on this machine")

    return call


SPRIG: dict[str, Callable[..., Any]] = {
    **{name: _checked(name, function) for name, function in {**TEXT, **DATA, **MATH, **TIME}.items()},
    **{name: _refused(name) for name in UNSUPPORTED},
}
