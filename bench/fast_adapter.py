"""The least an adapter can be, carried by the real SDK: JSON to `bench.sink`, its changes back.

It stands in the place of the hospitals' adapter: `python -m bench.fast_adapter`.
"""

from __future__ import annotations

import json

from adapters.sdk import (
    Action,
    AdapterSettings,
    AgencyClient,
    Delivery,
    Inbound,
    Page,
    Receipt,
    Update,
    run,
)

AGENCY = "public_health"


class FastAdapter:
    """Posts what it is asked and reads what was accepted."""

    def __init__(self, settings: AdapterSettings, client: AgencyClient) -> None:
        self._client = client
        self._clock = settings.clock()

    async def deliver(self, delivery: Delivery) -> Receipt:
        """Post the assignment's codes."""
        body = {
            "assignment_id": delivery.assignment_id,
            "reference": delivery.reference,
            "unit": delivery.unit_external_ids.get("hcode9", delivery.unit_id),
            "problem": delivery.problem_type,
            "people": [[person.age_band, person.sex] for person in delivery.people],
            "do_not_contact": delivery.safe_contact.contact_prohibited,
        }
        answer = await self._client.send(
            "POST",
            "/",
            content=json.dumps(body).encode(),
            headers={
                "Idempotency-Key": delivery.delivery_id,
                "Content-Type": "application/json",
            },
        )
        return Receipt(str(answer.json()["record"]))

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Post again: the sink knows its keys."""
        return await self.deliver(delivery)

    async def fetch(self, cursor: str) -> Page:
        """Read a page of what was accepted."""
        answer = (await self._client.send("GET", f"/changes?since={cursor or 0}")).json()
        now = self._clock.now()
        updates = [
            Update(f"{assignment_id}:accepted", Action.ACCEPT, now, assignment_id=assignment_id)
            for assignment_id in answer["accepted"]
        ]
        return Page(updates, str(answer["cursor"]), more=bool(updates))

    def listener(self, inbound: Inbound) -> None:  # noqa: ARG002 the sink does not call
        """Nobody calls."""
        return


if __name__ == "__main__":
    run(AGENCY, AdapterSettings(), FastAdapter)
