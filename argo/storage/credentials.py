"""Credentials of an S3 store: from variables, else from AWS's shared credentials file.

Facts: the names are those of the AWS command line and of MinIO's clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from configparser import ConfigParser
from configparser import Error as ParseError
from dataclasses import dataclass, field
from pathlib import Path

from argo.storage.errors import Denied

_PAIRS = (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"))


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys that sign requests; `session_token` belongs to keys that expire."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


def credentials(environment: Mapping[str, str]) -> Credentials | None:
    """From AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, else from MINIO_ACCESS_KEY and
    MINIO_SECRET_KEY, else the profile AWS_PROFILE (`default`) of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials).

    None where there are none: that is anonymous. Raises Denied for a key without its secret, for a file that cannot
    be read and for a profile that is asked for and not in it.
    """
    for key, secret in _PAIRS:
        if not environment.get(key) and not environment.get(secret):
            continue
        if not (environment.get(key) and environment.get(secret)):
            raise Denied(f"only one of {key} and {secret} is set", hint="set both, or none")
        token = environment.get("AWS_SESSION_TOKEN") if key.startswith("AWS") else None
        return Credentials(environment[key], environment[secret], token or None)
    return _shared(environment)


def _shared(environment: Mapping[str, str]) -> Credentials | None:
    named, profile = environment.get("AWS_SHARED_CREDENTIALS_FILE"), environment.get("AWS_PROFILE")
    home = environment.get("HOME")
    path = Path(named).expanduser() if named else Path(home, ".aws", "credentials") if home else None
    profiles = _profiles(path) if path else None
    if profiles is None and (named or profile):
        raise Denied(f"there is no credentials file {path}", hint="look at AWS_SHARED_CREDENTIALS_FILE")
    values = (profiles or {}).get(profile or "default")
    if values is None and profile:
        raise Denied(f"{path} has no profile {profile}", hint="look at AWS_PROFILE")
    values = values or {}
    key, secret = values.get("aws_access_key_id"), values.get("aws_secret_access_key")
    if key and secret:
        return Credentials(key, secret, values.get("aws_session_token") or None)
    if profile:
        raise Denied(f"the profile {profile} of {path} has no aws_access_key_id and aws_secret_access_key")
    return None


def _profiles(path: Path) -> Mapping[str, Mapping[str, str]] | None:
    """The profiles of a credentials file, None where there is none."""
    parser = ConfigParser(interpolation=None)
    try:
        return parser if parser.read(path, encoding="utf-8") else None
    # The parser's text quotes the line that it does not understand, which may be the secret.
    except (ParseError, UnicodeDecodeError):
        raise Denied(f"{path} is not a credentials file", hint="it has [profiles] with aws_access_key_id") from None
    except OSError as error:
        raise Denied(f"{path} cannot be read: {error.strerror}") from error
