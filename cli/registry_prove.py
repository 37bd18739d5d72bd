"""`songtor registry prove`: the coverage proof, and what changed since another directory."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from datetime import datetime
from pathlib import Path

from cli.directories import Read, read_file, registry, released, shipped, snapshot_of
from directory.decide import Decider
from directory.model import Snapshot
from directory.places.names import areas, districts, full_name
from directory.proof import report
from directory.proof.proving import difference, prove
from policies import reader
from policies.model import Policies
from services.registry.domain.faults import Codes, faults

FAULTS = 100


def policies() -> Policies:
    """Return the policies that the environment names, else the shipped ones."""
    folder = os.environ.get("SONGTOR_POLICIES_DIR", "")
    return reader.load(Path(folder) if folder else None)


async def run(
    file: Path | None,
    against: Path | None,
    *,
    hub: bool,
    at: datetime,
    as_json: bool,
    data: Path | None,
) -> int:
    """Prove, print the report, and return 0 when it holds."""
    in_force = await _in_force(data) if hub else None
    read = read_file(file) if file else None
    new = _new(read, in_force)
    old = in_force if file else None
    if against is not None:
        old = snapshot_of(read_file(against).units)
    decider = Decider(policies())
    broken = _faults(new, decider.policies) + (read.bad if read else 0)
    proof = await asyncio.to_thread(prove, new, decider, districts(), at)
    diff = None
    if old is not None:
        before = await asyncio.to_thread(prove, old, decider, districts(), at)
        diff = difference(before, proof)
    if as_json:
        print(json.dumps(report.as_json(proof, diff), ensure_ascii=False))
    else:
        for line in report.text(proof, _name):
            print(line)
        if diff is not None:
            print(f"\nsince registry version {old.version if old else 0}:")
            for line in report.difference_text(diff, _name):
                print(f"  {line}")
    return 0 if proof.holds and not broken else 1


async def _in_force(data: Path | None) -> Snapshot:
    async with registry(data) as opened:
        return await released(opened)


def _new(read: Read | None, in_force: Snapshot | None) -> Snapshot:
    if read is not None:
        return snapshot_of(read.units)
    return in_force or shipped()


def _faults(snapshot: Snapshot, policies: Policies) -> int:
    """Print what makes the directory unfit to be released at all; return how much that is."""
    codes = Codes(policies, areas(), allow_synthetic=True)
    found = list(faults(list(snapshot.units.values()), codes))
    for fault in found[:FAULTS]:
        sys.stderr.write(f"{fault.field}: {fault.reason}: {fault.description}\n")
    return len(found)


def _name(code: str) -> str:
    return full_name(code)[0].th if code in areas() else code
