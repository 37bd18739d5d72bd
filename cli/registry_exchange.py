"""`songtor registry import | release | export | diff`: directories as files, in and out."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from cli.directories import read_file, registry, released, shipped, snapshot_of
from directory.changes import Changes, changes
from directory.exchange import hsds, rows
from directory.exchange.rows import FileError
from directory.model import Snapshot
from directory.places.standing import outside_their_province
from directory.releasing import propose_release
from mesh.rpc import call
from songtor.registry.v1 import registry_pb2, registry_pb2_grpc

SHOWN = 50


async def propose(file: Path, *, author: str, reason: str, partial: bool, data: Path | None) -> int:
    """Send a file's directory to the registry as a proposal; 1 when anything in it is bad."""
    read = read_file(file)
    if read.bad and not partial:
        sys.stderr.write(f"{read.bad:,} bad rows: nothing was taken (--partial leaves them out)\n")
        return 1
    strays = list(outside_their_province(read.units))
    for unit_id, text in strays:
        sys.stderr.write(f"{unit_id}, latitude: OUTSIDE_PROVINCE: {text}\n")
    if strays and not partial:
        return 1
    away = {unit_id for unit_id, _ in strays}
    units = [unit for unit in read.units if unit.id not in away]
    async with registry(data) as opened:
        review = await propose_release(opened, units, author=author, reason=reason)
    print(f"proposal {review.proposal_id}, {len(units):,} units, digest {review.digest[:16]}")
    print(
        f"against release {review.base_version}: {review.added:,} new, {review.changed:,} changed,"
        f" {review.ended:,} gone"
    )
    for finding in review.opened:
        print(f"OPENS {finding.kind} {finding.place}: {finding.what}: {finding.detail}")
    print(f"closes {review.closed:,} findings")
    print(f"another person: songtor registry release {review.proposal_id} --approver NAME")
    return 0


async def approve(proposal: str, *, approver: str, override_reason: str, data: Path | None) -> int:
    """Approve a proposal and print the release."""
    request = registry_pb2.ApproveReleaseRequest(
        proposal_id=proposal, approver=approver, override_reason=override_reason
    )
    async with registry(data) as opened:
        stub = registry_pb2_grpc.RegistryServiceStub(opened)
        answer = await call(stub.ApproveRelease, request, timeout=60)
    release = answer.release
    print(f"release {release.version} is in force: {release.unit_count:,} units")
    print(f"digest {release.digest}, by {release.author} and {release.approved_by}")
    return 0


async def write(
    file: Path,
    form: str,
    *,
    source: Path | None,
    hub: bool,
    version: int,
    with_shelters: bool,
    data: Path | None,
) -> int:
    """Write a directory beside the file, then put it in its place whole."""
    form = form or ("hsds" if file.suffix == ".json" else "csv")
    if form not in ("csv", "hsds"):
        raise FileError(f"{form!r} is no format: csv or hsds")
    snapshot = await _directory(source, hub=hub, version=version, data=data)
    unfinished = file.with_name(f"{file.name}.part")
    with unfinished.open("w", encoding="utf-8", newline="") as target:
        if form == "csv":
            rows.write(snapshot.units.values(), target)
        else:
            hsds.write(snapshot.units.values(), target, with_shelters=with_shelters)
    unfinished.replace(file)
    print(f"{len(snapshot.units):,} units, registry version {snapshot.version}")
    return 0


async def compare(
    new: Path, old: Path | None, *, hub: bool, as_json: bool, data: Path | None
) -> int:
    """Print what differs; 1 when anything does."""
    after = snapshot_of(read_file(new).units)
    before = await _directory(old, hub=hub, version=0, data=data)
    found = changes(before.units.values(), after.units.values())
    if as_json:
        said = {"added": found.added, "changed": found.changed, "ended": found.ended}
        print(json.dumps(said))
    else:
        _print(found, before, after)
    return 1 if found.added or found.changed or found.ended else 0


async def _directory(
    source: Path | None, *, hub: bool, version: int, data: Path | None
) -> Snapshot:
    if hub:
        async with registry(data) as opened:
            return await released(opened, version)
    return snapshot_of(read_file(source).units) if source else shipped()


def _print(found: Changes, before: Snapshot, after: Snapshot) -> None:
    print(f"{len(found.added):,} new, {len(found.changed):,} changed, {len(found.ended):,} gone")
    for sign, ids in (("+", found.added), ("-", found.ended)):
        for unit_id in ids[:SHOWN]:
            print(f"{sign} {unit_id}")
    for unit_id, fields in list(found.changed.items())[:SHOWN]:
        for field in fields:
            was = getattr(before.units[unit_id], field)
            now = getattr(after.units[unit_id], field)
            print(f"  {unit_id}.{field}: {was!r} -> {now!r}")
