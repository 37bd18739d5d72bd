"""Where the reading of Tasks stands: the cursor, as text.

`_lastUpdated` has its grain and a server may commit out of order, so each look begins a little
before the last change seen, and what was seen in that little is remembered by its version.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from adapters.public_health import systems
from adapters.public_health.systems import Resource

OVERLAP = timedelta(seconds=1)
PAGE = 200


@dataclass(slots=True)
class Reading:
    """What has been read. `query` is the rest of a page begun, in the server's own words."""

    since: str = ""
    query: str = ""
    newest: str = ""
    seen: dict[str, tuple[str, str]] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    @classmethod
    def from_cursor(cls, cursor: str) -> Reading:
        """Read a cursor; the empty one is the beginning."""
        if not cursor:
            return cls()
        kept = json.loads(cursor)
        seen = {id_: (version, at) for id_, version, at in kept["seen"]}
        return cls(kept["since"], kept["query"], kept["newest"], seen, set(kept["held"]))

    def cursor(self) -> str:
        """Write the cursor."""
        return json.dumps(
            {
                "since": self.since,
                "query": self.query,
                "newest": self.newest,
                "seen": [[id_, version, at] for id_, (version, at) in sorted(self.seen.items())],
                "held": sorted(self.held),
            },
            separators=(",", ":"),
        )

    def search(self) -> str:
        """Return the query to ask next."""
        if self.query:
            return self.query
        asked = [
            ("requester:identifier", f"{systems.HUB}|songtor"),
            ("_sort", "_lastUpdated"),
            ("_count", str(PAGE)),
            ("_include", "Task:output"),
        ]
        if self.since:
            begin = datetime.fromisoformat(self.since) - OVERLAP
            asked.append(("_lastUpdated", f"ge{begin.isoformat()}"))
        return urlencode(asked)

    def is_new(self, task: Resource) -> bool:
        """Whether this version has not been read."""
        return self.seen.get(task["id"], ("", ""))[0] != str(task["meta"]["versionId"])

    def take(self, task: Resource) -> bool:
        """Remember a Task; return whether it was on hold before and is at work again."""
        changed_at = str(task["meta"]["lastUpdated"])
        instant = datetime.fromisoformat(changed_at)
        if not self.newest or instant > datetime.fromisoformat(self.newest):
            self.newest = changed_at
        self.seen[task["id"]] = (str(task["meta"]["versionId"]), changed_at)
        resumed = task["id"] in self.held and task.get("status") == "in-progress"
        if task.get("status") == "on-hold":
            self.held.add(task["id"])
        else:
            self.held.discard(task["id"])
        return resumed

    def turn_to(self, next_page: str) -> bool:
        """Go on to the next page, or begin anew after the last; return whether there is a next.

        Only the query of `next_page` is used: an answer does not choose whom we ask.
        """
        self.query = urlsplit(next_page).query
        if self.query:
            return True
        self.since = self.newest
        if self.since:
            begin = datetime.fromisoformat(self.since) - OVERLAP
            self.seen = {
                id_: (version, at)
                for id_, (version, at) in self.seen.items()
                if datetime.fromisoformat(at) >= begin
            }
        return False
