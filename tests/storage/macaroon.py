"""Macaroons as XRootD's plug-in makes and checks them (Birgisson et al., NDSS 2014; format of version 1)."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta


def macaroon(secret: bytes, *, path: str, seconds: float, activity: str = "READ_METADATA,DOWNLOAD,LIST") -> str:
    """A token for a path that ends in some seconds."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    caveats = ["name:reader", f"activity:{activity}", f"path:{path}", f"before:{until:%Y-%m-%dT%H:%M:%SZ}"]
    signature = _signed(_signed(b"macaroons-key-generator", secret), b"a-token-of-ours")
    packets = [_packet("location", b"jeodpp"), _packet("identifier", b"a-token-of-ours")]
    for caveat in caveats:
        signature = _signed(signature, caveat.encode())
        packets.append(_packet("cid", caveat.encode()))
    packets.append(_packet("signature", signature))
    return base64.urlsafe_b64encode(b"".join(packets)).decode().rstrip("=")


def _signed(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _packet(key: str, value: bytes) -> bytes:
    body = key.encode() + b" " + value + b"\n"
    return f"{len(body) + 4:04x}".encode() + body
