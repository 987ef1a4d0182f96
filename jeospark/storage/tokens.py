"""Tokens of storage servers: read anew for each request, given to their own host only, and never shown."""

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from urllib.parse import quote, urlsplit

from jeospark.errors import CredentialError

EOS = "zteos64:"
"""EOS's own tokens begin so, and go into the URL as `authz`."""
_HIDDEN = "***"
_PORTS = {"http": 80, "https": 443, "root": 1094, "roots": 1094}
"""Where servers are asked whose port is not told."""
_QUERY = (
    r"authz|access_token|token|delegation|sig|Signature|AWSAccessKeyId"
    r"|X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)"
)
_SECRETS = (
    re.compile(rf"(?i)([?&](?:{_QUERY})=)[^&\s\"'<>\])]+"),
    re.compile(r"(?i)(\bBearer(?:\s|%20)+)[\w.~+/=:%-]+"),
    re.compile(r"(\bzteos64(?::|%3A))[\w+/=%-]+"),
    re.compile(r"(://)[^/@\s:]+:[^/@\s]+(?=@)"),
    # By HTTP, a name alone is a token; elsewhere it is a user's name.
    re.compile(r"(?i)(\bhttps?://)[^/?#@\s]+(?=@)"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """What opens a server."""

    text: str = field(repr=False)
    source: str
    """Where it was read, for messages."""

    @property
    def headers(self) -> dict[str, str]:
        """Those of a request by HTTP."""
        return {} if self.text.startswith(EOS) else {"Authorization": f"Bearer {self.text}"}

    @property
    def query(self) -> str:
        """That of a URL by HTTP; empty where the token goes into the headers."""
        return f"authz={quote(self.text, safe=':')}" if self.text.startswith(EOS) else ""

    @property
    def opaque(self) -> str:
        """That of a URL by XRootD's protocol, which has no headers."""
        return self.query or f"authz=Bearer%20{self.text}"


class Tokens:
    """The tokens that a setting names.

    Args:
        setting: See `Settings.tokens`.

    Raises:
        CredentialError: A part of it is no `host=file:PATH` or `host=env:NAME`.
    """

    def __init__(self, setting: str) -> None:
        self._sources = [_entry(part.strip()) for part in setting.split(",") if part.strip()]

    def of(self, url: str) -> Token | None:
        """The token for a URL's server as it is now; None where the setting has none.

        Raises:
            CredentialError: It has one that cannot be read.
        """
        parts = urlsplit(url)
        names = {parts.hostname or "", f"{parts.hostname}:{parts.port or _PORTS.get(parts.scheme)}"}
        for pattern, source in self._sources:
            if any(fnmatchcase(name, pattern) for name in names):
                return Token(_read(source), source)
        return None


def redact(text: str) -> str:
    """A text without the tokens, signatures and passwords in it."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{_HIDDEN}", text)
    return text


def has_credential(href: str) -> bool:
    """True where an href carries a token, a signature or a password."""
    return redact(href) != href


def check_href(href: str) -> None:
    """Refuse an href that carries what nobody but its server should see.

    Raises:
        CredentialError: It does.
    """
    if has_credential(href):
        raise CredentialError(
            "the href carries a token or a password",
            where=redact(href),
            remedy="Leave it out, and name its file or variable in JEOSPARK_TOKENS.",
        )


def _entry(part: str) -> tuple[str, str]:
    host, _, source = part.partition("=")
    kind, _, place = source.partition(":")
    if not host or kind not in {"file", "env"} or not place:
        # Somebody may have written the token itself: it is not shown.
        raise CredentialError(
            f"what follows '{host}=' is no place of a token",
            where="JEOSPARK_TOKENS",
            remedy="Write host=file:PATH or host=env:NAME.",
        )
    # Names of hosts have no case.
    return host.lower(), source


def _read(source: str) -> str:
    kind, _, place = source.partition(":")
    try:
        text = Path(place).read_text(encoding="utf-8") if kind == "file" else os.environ[place]
    except (OSError, KeyError) as error:
        what = f"the token cannot be read ({type(error).__name__})"
        raise CredentialError(what, where=source, remedy="Put it there, or mend JEOSPARK_TOKENS.") from error
    token = text.strip().removeprefix("Bearer ").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise CredentialError("the token is empty or no token", where=source, remedy="Fetch a new one.")
    return token
