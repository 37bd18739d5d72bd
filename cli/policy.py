"""`songtor policy`: look at escalation policies before they run."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from directory import archive
from directory.model import Snapshot
from mesh.clock import SystemClock
from mesh.database import Database
from mesh.errors import InvalidArgumentError, SongtorError
from policies import reader
from policies.calendar import open_hours
from services.alerting import activation, calendars, scenarios
from services.alerting.domain.casefile import Rules
from services.alerting.domain.lint import lint as complaints


def rules_of(policies_dir: Path | None, directory: Path | None) -> Rules:
    """Return the policies of a folder over a kept directory, or over the sandbox's national one."""
    policies = reader.load(policies_dir)
    hours, keys = calendars.versions(open_hours(policies))
    if directory is None:
        from sandbox.national import national_units  # noqa: PLC0415 some seconds of work

        snapshot: Snapshot | None = Snapshot.of(1, national_units())
    else:
        snapshot = archive.read(directory)
    if snapshot is None:
        raise InvalidArgumentError("this file holds no directory", reason="DIRECTORY")
    return Rules(policies, hours, snapshot, keys)


def lint(policies_dir: Path | None, directory: Path | None) -> int:
    """Print one line for each complaint; return 1 when there is any."""
    now = SystemClock().now()
    week = [now + timedelta(hours=n) for n in range(0, 7 * 24, 6)]
    found = list(complaints(rules_of(policies_dir, directory), at=week))
    for complaint in found:
        print(complaint.policy, complaint.what, complaint.detail)
    print(f"{len(found)} complaints", file=sys.stderr)
    return 1 if found else 0


def simulate(scenario: Path, policies_dir: Path | None, directory: Path | None) -> int:
    """Print the timeline of a scenario."""
    try:
        told = json.loads(scenario.read_text(encoding="utf-8"))
        lines = scenarios.play(told, rules_of(policies_dir, directory))
    except (InvalidArgumentError, json.JSONDecodeError) as error:
        print(error, file=sys.stderr)
        return 2
    begun = datetime.fromisoformat(told["at"])
    for line in lines:
        after = str(line.at - begun).removesuffix(":00")
        at = line.at.astimezone(begun.tzinfo or UTC).isoformat(timespec="seconds")
        words = (at, f"+{after}", line.what, line.kind, line.tier, line.who, line.detail)
        print("  ".join(word for word in words if word))
    return 0


async def activate(url: str, body: bytes, *, by: str, approving: bool) -> int:
    """Propose a policy file, or approve the one that somebody else proposed with these bytes."""
    database = Database(url, schema="alerting", pool_size=1)
    now = SystemClock().now()
    try:
        async with database.transaction() as tx:
            if approving:
                digest = sha256(body).hexdigest()
                await activation.approve(tx, digest, by=by, now=now)
            else:
                digest = await activation.propose(tx, body, by=by, now=now)
    except SongtorError as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        await database.close()
    print(digest)
    return 0
