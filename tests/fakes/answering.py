"""A process that answers /readyz, for tests of the supervisor.

    python answering.py PORT [--deaf] [--fail-until FILE]
    PORT=... python -m tests.fakes.answering

`--deaf` ignores SIGTERM; `--fail-until FILE` makes FILE and ends with 1 while it is not there.
"""

from __future__ import annotations

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()

    def log_message(self, *words: object) -> None:
        pass


def main(port: int, options: list[str]) -> None:
    if "--deaf" in options:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "--fail-until" in options:
        first_time = Path(options[options.index("--fail-until") + 1])
        if not first_time.exists():
            first_time.touch()
            sys.exit("not this time")
    HTTPServer(("127.0.0.1", port), Answer).serve_forever()


if __name__ == "__main__":
    main(int(os.environ.get("PORT") or sys.argv[1]), sys.argv[2:])
