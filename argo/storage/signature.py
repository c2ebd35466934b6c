"""Signs requests to S3: AWS Signature Version 4, for requests without a body.

Facts: docs.aws.amazon.com, "Create a signed AWS API request". The `minio` package signs, too; it derives the key and
writes the canonical request anew for each of ten thousand small objects in as much time as all else takes.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, quote, urlsplit

from argo.storage.credentials import Credentials

_EMPTY = hashlib.sha256(b"").hexdigest()  # of the body


@dataclass(slots=True)
class Signer:
    """Makes the requests for one bucket. Without credentials they are anonymous.

    `secure`, `host` and `prefix` (of the path, with slashes around it) say where the bucket is, `region` what is
    signed for.
    """

    secure: bool
    host: str
    prefix: str
    region: str
    credentials: Credentials | None = None
    _key: tuple[str, bytes] = field(default=("", b""), repr=False)

    @classmethod
    def like(cls, url: str, credentials: Credentials | None) -> Signer:
        """For the bucket of which `url` is a presigned URL, with the key `x`."""
        parts = urlsplit(url)
        scope = parse_qs(parts.query).get("X-Amz-Credential", ["///"])[0].split("/")
        return cls(parts.scheme == "https", parts.netloc, parts.path[:-1], scope[2], credentials)

    def request(
        self, key: str, headers: Mapping[str, str] = {}, method: str = "GET", query: Mapping[str, str] = {}
    ) -> bytes:
        """The request for an object, or for the bucket where `key` is empty, whole.

        `headers` have lower-case names and are signed, too.
        """
        path = self.prefix + quote(key, safe="/~")
        asked = "&".join(f"{quote(name, safe='~')}={quote(query[name], safe='~')}" for name in sorted(query))
        sent = {"host": self.host, "accept-encoding": "identity", **headers}
        if self.credentials:
            sent["authorization"] = self._authorization(f"{method}\n{path}\n{asked}", sent, self.credentials)
        first = f"{method} {path}{'?' if asked else ''}{asked} HTTP/1.1"
        return "\r\n".join([first, *(f"{name}: {value}" for name, value in sent.items()), "", ""]).encode("ascii")

    def _authorization(self, asked: str, sent: dict[str, str], keys: Credentials) -> str:
        """The header's value; what it needs is put into `sent`. `asked`: method, path and query, a line each."""
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        sent |= {"x-amz-content-sha256": _EMPTY, "x-amz-date": now}
        if keys.session_token:
            sent["x-amz-security-token"] = keys.session_token
        names = sorted(sent)
        canonical = "".join(f"{name}:{sent[name]}\n" for name in names)
        signed = ";".join(names)
        digest = hashlib.sha256(f"{asked}\n{canonical}\n{signed}\n{_EMPTY}".encode()).hexdigest()
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"
        signature = hmac.digest(self._of_day(now[:8], keys), text.encode(), "sha256").hex()
        return f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"

    def _of_day(self, day: str, keys: Credentials) -> bytes:
        if self._key[0] != day:
            key = f"AWS4{keys.secret_key}".encode()
            for part in (day, self.region, "s3", "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = day, key
        return self._key[1]
