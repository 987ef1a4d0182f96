"""Why Hadoop's servers refuse a request: WebHDFS answers nearly every exception with 403, and names it in the body."""

import json
import re

from jeospark.errors import DiskFullError, StorageAnswerError, StorageDeniedError, StorageUnreachableError
from jeospark.storage.tokens import redact

_FOR_A_WHILE = frozenset({"RetriableException", "SafeModeException", "StandbyException"})
_PERMISSION = "AccessControlException"
_DENIALS = frozenset({"AuthorizationException", "InvalidToken", "SecurityException"})
_QUOTA = re.compile(r"\w*Quota\w*ExceededException")


def check_refusal(body: bytes, where: str) -> None:
    """Raise what an answer 403 means, where it is Hadoop's and has nothing to do with a token.

    Args:
        body: Of the answer.
        where: The URL that everybody may see.

    Raises:
        StorageDeniedError: The user may not do it.
        StorageUnreachableError: The server cannot do it yet.
        DiskFullError: A quota is used up.
        StorageAnswerError: The server does not do it.
    """
    name, message = _exception(body)
    said = redact(re.sub(r"\s+", " ", f"{name}: {message}")[:200])
    if name in _FOR_A_WHILE:
        what = f"the server cannot do it yet ({said})"
        raise StorageUnreachableError(what, where=where, remedy="See that it runs and is active; then resume.")
    if _QUOTA.fullmatch(name):
        raise DiskFullError(f"a quota is used up ({said})", where=where, remedy="Free space there; then resume.")
    if name == _PERMISSION:
        remedy = "Choose another folder, or name a user that may in HADOOP_USER_NAME; then resume."
        raise StorageDeniedError(f"HDFS refuses ({said})", where=where, remedy=remedy)
    if name and name not in _DENIALS:
        raise StorageAnswerError(f"the server refuses ({said})", where=where, remedy="Check what it says.")


def _exception(body: bytes) -> tuple[str, str]:
    """Name and message of the exception; empty where the body tells of none."""
    try:
        told = json.loads(body)["RemoteException"]
        return str(told["exception"]), str(told.get("message", ""))
    except (ValueError, TypeError, KeyError, AttributeError):
        return "", ""
