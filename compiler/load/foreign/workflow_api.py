"""`workflow-api.cfg` of the gx4ki Workflow API: what it says of the consumer, the cluster and the store."""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from compiler.diagnostics import Diagnostic, at, did_you_mean
from compiler.load.reader import decode
from compiler.source import SourceFile

if TYPE_CHECKING:
    from compiler.source import Span

_API: Final = "workflow_api"
_KEYS: Final = {
    _API: (
        "workflow_api_user", "workflow_api_access_token", "workflow_api_instant_removal", "workflow_backend",
        "workflow_backend_namespace", "workflow_backend_kubeconfig", "workflow_backend_image_pull_secret",
        "workflow_backend_data_side_car_image", "workflow_k8s_backend_job_storage_type",
        "workflow_k8s_backend_job_storage_size",
    ),
    "minio": ("endpoint", "access_key", "secret_key", "secure"),
}  # fmt: skip
_SECRET: Final = {"workflow_api_access_token", "access_key", "secret_key"}


class WorkflowApi(NamedTuple):
    """The file. The token and the keys of the store are secrets: they are kept out of every text made of this."""

    user: str
    token: str
    instant_removal: bool = False
    namespace: str = ""
    kubeconfig: str = ""
    image_pull_secret: str = ""
    storage_size: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = ""
    secure: bool = True

    def __repr__(self) -> str:
        return f"WorkflowApi(user={self.user!r})"

    @property
    def bucket(self) -> str:
        """The user's bucket."""
        return f"{self.user}-storage"

    def profile(self, context: str) -> dict[str, Any]:
        """The profile of argosy.yaml that says the same; `context` is the kubeconfig's."""
        engine = {"context": context} | ({"kubeconfig": self.kubeconfig} if self.kubeconfig else {})
        made: dict[str, Any] = {"engine": engine}
        if self.namespace:
            made["namespace"] = self.namespace
        if self.image_pull_secret:
            made["imagePullSecrets"] = [self.image_pull_secret]
        if self.endpoint:
            made["store"] = {"endpoint": self.endpoint, "bucket": self.bucket}
            if not self.secure:
                made["store"]["insecure"] = True
        return made


def read(name: str, data: bytes, location: str | None = None) -> tuple[WorkflowApi | None, list[Diagnostic]]:
    """The file's settings, or what is wrong with it."""
    source, found = decode(name, data, location)
    if found:
        return None, found
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(source.text, name)
    except configparser.Error as error:
        line = getattr(error, "lineno", None) or (getattr(error, "errors", None) or [(1, "")])[0][0]
        source = _masked(source)
        return None, [at("A104", source.at(source.offset(line)), f"not a configuration file: {_problem(error)}")]
    source = _masked(source)
    values = {section: dict(parser[section]) for section in _KEYS if parser.has_section(section)}
    found += _mistakes(source, parser, values)
    if any(item.severity == "error" for item in found):
        return None, found
    api, minio = values.get(_API, {}), values.get("minio", {})
    settings = WorkflowApi(
        api.get("workflow_api_user", ""),
        api.get("workflow_api_access_token", ""),
        _flag(api.get("workflow_api_instant_removal", "false")) or False,
        api.get("workflow_backend_namespace", ""),
        api.get("workflow_backend_kubeconfig", ""),
        api.get("workflow_backend_image_pull_secret", ""),
        api.get("workflow_k8s_backend_job_storage_size", ""),
        minio.get("endpoint", ""),
        minio.get("access_key", ""),
        minio.get("secret_key", ""),
        _flag(minio.get("secure") or "true") is not False,
    )
    return settings, found


def _problem(error: configparser.Error) -> str:
    """Say what is wrong with a file, without quoting its line, which may hold a secret."""
    if isinstance(error, configparser.DuplicateOptionError):
        return f"the setting {error.option} stands twice"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"the section [{error.section}] stands twice"
    if isinstance(error, configparser.MissingSectionHeaderError):
        return "a setting before the first [section]"
    return "expected NAME = VALUE"


def _masked(source: SourceFile) -> SourceFile:
    """The file for excerpts: values of settings that are secret or unknown are hidden, and lines that are none."""
    shown = {key for keys in _KEYS.values() for key in keys} - _SECRET

    def hide(match: re.Match[str]) -> str:
        key = match.group(2)
        if key is None:
            return match.group(1) + "***"
        return match.group() if key.strip().lower() in shown else match.group(1) + key + match.group(3) + "***"

    text = re.sub(
        r"(?m)^([ \t]*)(?![#;\[\r\n]|\Z)(?:([^=:\r\n]*)([=:][ \t]*)|(?![^\r\n]*[=:]))[^\r\n]*", hide, source.text
    )
    return SourceFile(source.name, text, source.location)


def _flag(text: str) -> bool | None:
    return configparser.ConfigParser.BOOLEAN_STATES.get(text.strip().lower())


def _mistakes(
    source: SourceFile, parser: configparser.ConfigParser, values: dict[str, dict[str, str]]
) -> Iterator[Diagnostic]:
    if _API not in values:
        hint = f"it begins with [{_API}]"
        yield at("A121", source.at(0, 0), f"missing section [{_API}]", hint=hint)
        return
    for section in parser.sections():
        known = _KEYS.get(section)
        if known is None:
            yield at("A170", _key(source, rf"\[{re.escape(section)}\]"), f"the section [{section}] means nothing here")
            continue
        for key in values[section].keys() - set(known):
            message = f"the setting {key} means nothing here"
            yield at("A170", _key(source, re.escape(key)), message, hint=did_you_mean(key, known))
    api = values[_API]
    for key in ("workflow_api_user", "workflow_api_access_token"):
        if not api.get(key):
            yield at("A121", _key(source, key), f"missing setting {key}")
    backend = api.get("workflow_backend", "kubernetes")
    if backend not in ("kubernetes", ""):
        yield at("A123", _key(source, "workflow_backend"), f"expected kubernetes, found '{backend[:60]}'")
    for section, key in ((_API, "workflow_api_instant_removal"), ("minio", "secure")):
        text = values.get(section, {}).get(key)
        if text and _flag(text) is None:
            yield at("A122", _key(source, key), f"expected true or false, found '{text[:60]}'")
    yield from _storage(source, api)


def _storage(source: SourceFile, api: dict[str, str]) -> Iterator[Diagnostic]:
    kind = api.get("workflow_k8s_backend_job_storage_type")
    if kind and kind not in ("EMPTY_DIR", "PERSISTENT_VOLUME_CLAIM"):
        message = f"expected EMPTY_DIR or PERSISTENT_VOLUME_CLAIM, found '{kind[:60]}'"
        yield at("A123", _key(source, "workflow_k8s_backend_job_storage_type"), message)


def _key(source: SourceFile, pattern: str) -> Span:
    match = re.search(rf"(?mi)^[ \t]*({pattern})(?=[ \t]*[=:]|[ \t]*$)", source.text)
    return source.at(*match.span(1)) if match else source.at(0, 0)
