"""`songtor registry unit show`: one unit, whole."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from google.protobuf.timestamp_pb2 import Timestamp

from cli.directories import read_file, registry, shipped, snapshot_of
from cli.registry_prove import policies
from directory.decide import Decider
from directory.model import Unit
from directory.places.names import full_name
from directory.wire import unit_from
from mesh.errors import NotFoundError
from mesh.rpc import call
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

LONGEST_CHAIN = 20


async def run(
    unit_id: str,
    *,
    file: Path | None,
    hub: bool,
    as_of: datetime | None,
    at: datetime,
    as_json: bool,
    data: Path | None,
) -> int:
    """Print the unit; 1 when there is none."""
    notes: list[str] = []
    if hub or as_of:
        unit, notes = await _of_hub(unit_id, as_of, at, data)
        known: Mapping[str, Unit] = {}
    else:
        snapshot = snapshot_of(read_file(file).units) if file else shipped()
        known = snapshot.units
        if unit_id not in known:
            raise NotFoundError("there is no such unit", reason="NO_SUCH_UNIT")
        unit = known[unit_id]
    if as_json:
        print(json.dumps(asdict(unit), ensure_ascii=False))
        return 0
    is_open = unit.hours in Decider(policies()).open_calendars(at)
    for line in (*_lines(unit, is_open=is_open), *_commanders(unit, known), *notes):
        print(line)
    return 0


async def _of_hub(
    unit_id: str, as_of: datetime | None, at: datetime, data: Path | None
) -> tuple[Unit, list[str]]:
    def stamp(when: datetime) -> Timestamp:
        made = Timestamp()
        made.FromDatetime(when)
        return made

    request = registry_pb2.GetUnitRequest(
        unit_id=unit_id, as_of=stamp(as_of) if as_of else None, with_history=True
    )
    duty = registry_pb2.GetDutyRequest(unit_ids=[unit_id], at=stamp(at))
    async with registry(data) as opened:
        stub = registry_pb2_grpc.RegistryServiceStub(opened)
        answer = await call(stub.GetUnit, request)
        on_duty = await call(stub.GetDuty, duty)
    if not answer.HasField("unit"):
        raise NotFoundError("the unit was not there then", reason="NO_SUCH_UNIT")
    notes = [
        f"on duty: {shift.officer}, rank {shift.rank}"
        for unit in on_duty.units
        for shift in unit.on_duty
    ]
    notes.append("history:")
    for version in answer.history:
        until = f"until {version.until.version}" if version.HasField("until") else "in force"
        since = version.since
        notes.append(f"  release {since.version} {until}: {since.author}: {since.reason}")
    return unit_from(answer.unit), notes


def _lines(unit: Unit, *, is_open: bool) -> Iterator[str]:
    yield f"{unit.id}  {unit.name_th} / {unit.name_en}"
    owner = f", owned by {unit.affiliation}" if unit.affiliation != unit.ministry else ""
    yield f"{unit.agency} {unit.unit_type}, answers to {unit.ministry}{owner}"
    places = full_name(unit.subdistrict)
    yield f"stands in {unit.subdistrict} {' '.join(n.th for n in places)}, {unit.point}"
    yield f"roles: {', '.join(unit.roles) or 'none'}; takes reports: {_yes(unit.is_intake)}"
    yield f"problems: {', '.join(unit.problem_types) or 'none'}"
    yield f"languages: {', '.join(unit.languages)}; for: {', '.join(unit.target_groups) or 'all'}"
    yield f"answers for: {', '.join(unit.coverage) or 'nowhere'}"
    yield f"hours: {unit.hours}, {'open' if is_open else 'closed'} now"
    yield f"e-mail {unit.email or 'none'}, phone {unit.phone or 'none'} (never dial a sample)"
    yield f"agency system: {unit.adapter or 'none'}; suspended: {_yes(unit.suspended)}"
    for system, number in unit.external_ids:
        yield f"known as {system} {number}"
    if unit.valid_from or unit.valid_until:
        until = unit.valid_until or "further notice"
        yield f"there from {unit.valid_from or 'always'} until {until}"
    for owned in unit.affiliations:
        yield f"owner {owned.owner} from {owned.since or '?'} until {owned.until or 'now'}"
    for stated in unit.capacity:
        yield f"{stated.what}: {stated.available} of {stated.maximum} free, said {stated.stated_at}"
    for order in unit.mandates:
        problems = "+".join(order.problem_types) or "all problems"
        yield (
            f"mandate ({order.kind}) for {order.area} as {order.role}, {problems},"
            f" {order.since or '...'} to {order.until or '...'}, by {order.by} {order.reference}"
        )


def _commanders(unit: Unit, known: Mapping[str, Unit]) -> Iterator[str]:
    at = unit.parent
    chain: list[str] = []
    while at in known and len(chain) < LONGEST_CHAIN:
        chain.append(f"{at} {known[at].name_en}")
        at = known[at].parent
    yield f"commanded by: {' -> '.join(chain) or unit.parent or 'nobody'}"


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
