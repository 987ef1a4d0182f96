"""Feeds: files of one form that come again and again; each has a schema, an id for its features, and rejects."""

from jeospark.errors import FeedError
from jeospark.vector.feeds import ais, emm, events, fires, gdelt, lpis
from jeospark.vector.feeds.feed import Feed, Rejects

FEEDS: dict[str, Feed] = {
    feed.name: feed
    for feed in (
        ais.AIS,
        emm.EMM,
        events.EONET,
        events.GDACS,
        fires.FIRED,
        fires.FIRMS,
        gdelt.EVENTS,
        gdelt.GKG,
        gdelt.MENTIONS,
        lpis.LPIS,
    )
}
"""All feeds by name."""


def find_feed(name: str) -> Feed:
    """The feed of a name.

    Raises:
        FeedError: There is none.
    """
    if name not in FEEDS:
        raise FeedError(f"no feed is called '{name}'", remedy=f"There are {', '.join(FEEDS)}.")
    return FEEDS[name]


__all__ = ["FEEDS", "Feed", "Rejects", "find_feed"]
