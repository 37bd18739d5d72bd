"""An agency's system with nothing in it: takes a POST, and has accepted it a moment later.

    python -m bench.sink PORT

`POST /` answers 201 with the record's number under the given Idempotency-Key (the same key again is
the same record), `GET /changes?since=N` tells up to 500 records that were accepted after the Nth.
Raw asyncio, so that what is measured is the hub.
"""

from __future__ import annotations

import asyncio
import json
import sys

import uvloop

PAGE = 500


class Sink:
    """All records, in memory, in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._assignments: list[str] = []

    def take(self, key: bytes, body: bytes) -> bytes:
        """Keep a record and return the answer."""
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._assignments) + 1
            self._assignments.append(json.loads(body)["assignment_id"])
        return b'{"record":%d}' % number

    def changes(self, since: int) -> bytes:
        """Return the records after `since`, oldest first."""
        page = self._assignments[since : since + PAGE]
        return json.dumps({"accepted": page, "cursor": since + len(page)}).encode()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it closes."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                fields = head.lower()
                length = int(fields.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                body = await reader.readexactly(length)
                if head.startswith(b"POST"):
                    key = fields.partition(b"idempotency-key: ")[2].partition(b"\r\n")[0]
                    status, answer = b"201 Created", self.take(key, body)
                else:
                    since = head.partition(b"since=")[2].partition(b" ")[0]
                    status, answer = b"200 OK", self.changes(int(since or 0))
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (status, len(answer), answer)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def run(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(Sink().serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(int(sys.argv[1])))
