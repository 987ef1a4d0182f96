"""Names that tell the order of what was begun, even where clocks do not."""

import re
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

FORM = "%Y%m%dT%H%M%S.%fZ"
_FORM = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
LENGTH = len("20190714T093000.000000Z")


def name_after(names: Iterable[str]) -> str:
    """A name of this time, such as 20190714T093000.000000Z-3fa2, that sorts after others of its kind.

    Names of another form, which somebody else has put there, do not count. Where the clock is behind the last of the
    others, as on another host or after it was set back, a microsecond is added to that one instead. The end keeps apart
    what begins at once.
    """
    now = datetime.now(UTC)
    last = max(filter(_FORM.match, names), default="")
    if last:
        now = max(now, datetime.strptime(last[:LENGTH], FORM).replace(tzinfo=UTC) + timedelta(microseconds=1))
    return f"{now.strftime(FORM)}-{uuid.uuid4().hex[:4]}"
