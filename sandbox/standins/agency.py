"""What a stand-in adds to the shared machinery: its routes, and its own words for each deed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute

from sandbox.standins.ledger import Referral
from sandbox.standins.script import Step


class Agency(Protocol):
    """One agency's system as the outside sees it."""

    name: str

    def routes(self) -> Sequence[BaseRoute]:
        """Return the agency's HTTP interface."""
        ...

    def refuse(self, status: int, text: str) -> Response:
        """Return an error of the HTTP layer, such as a missing token, in the agency's own form."""
        ...

    def perform(
        self, tx: sqlite3.Connection, referral: Referral, step: Step, now: datetime
    ) -> None:
        """Write down what `step` did, in the agency's own documents and outgoing messages.

        Runs in the transaction that records the deed; `referral` is as it stood before.
        """
        ...


class Background(Protocol):
    """Work that runs beside the HTTP interface until it is cancelled."""

    async def run(self) -> None:
        """Run until cancelled."""
        ...
