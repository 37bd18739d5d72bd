"""Protobuf to domain and back: the only module of the registry that knows both."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from directory.decide import NORMAL, Decision, Question
from directory.model import Snapshot
from directory.resolve import Candidate, Resolution
from directory.wire import place_from
from mesh.errors import InvalidArgumentError
from policies.model import Policies
from services.registry.storage import Release
from songtor.registry.v1 import events_pb2, registry_pb2
from songtor.type.v1 import type_pb2

_URGENCIES = {
    int(number): name.removeprefix("URGENCY_").lower() for name, number in type_pb2.Urgency.items()
} | {int(type_pb2.URGENCY_UNSPECIFIED): NORMAL}
UNKNOWN_DISTANCE = -1.0


def question_from(message: registry_pb2.Question) -> Question:
    """Return the question; an urgency that nobody judged reads as normal."""
    try:
        at = message.at.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgumentError("an instant is out of range", reason="INVALID_FIELDS") from None
    return Question(
        place=place_from(message.place),
        problem_type=message.problem_type,
        urgency=_URGENCIES[message.urgency],
        at=at,
        ess_cause=message.ess_cause or None,
        excluded=frozenset(message.excluded),
        declined=frozenset(message.declined),
        languages=tuple(message.languages),
    )


def versions_to(snapshot: Snapshot, policies: Policies) -> type_pb2.DataVersions:
    """Return what made an answer, so that it can be given again."""
    return type_pb2.DataVersions(
        registry_version=snapshot.version,
        registry_digest=snapshot.digest,
        policy_digest=policies.digest,
        policy_versions={stem: read.version for stem, read in policies.versions.items()},
    )


def answer_to(decision: Decision, versions: type_pb2.DataVersions) -> registry_pb2.Resolution:
    """Return a decision with those who support it."""
    answer = _resolution_to(decision.lead)
    answer.rule = decision.rule or ""
    answer.versions.CopyFrom(versions)
    answer.supporting.extend(_resolution_to(found) for found in decision.supporting)
    return answer


def _resolution_to(resolution: Resolution) -> registry_pb2.Resolution:
    return registry_pb2.Resolution(
        ranked=[_candidate_to(candidate) for candidate in resolution.ranked],
        passed_over=[_candidate_to(candidate) for candidate in resolution.passed_over],
        fallback_chain=resolution.steps,
    )


def _candidate_to(candidate: Candidate) -> registry_pb2.Candidate:
    km = candidate.distance_km
    return registry_pb2.Candidate(
        unit_id=candidate.unit_id,
        agency=candidate.agency,
        reason=candidate.reason,
        distance_km=UNKNOWN_DISTANCE if km is None else round(km, 3),
    )


def release_to(release: Release) -> registry_pb2.Release:
    """Return a release's name."""
    return registry_pb2.Release(
        version=release.version,
        digest=release.digest,
        unit_count=release.unit_count,
        released_at=_instant_to(release.released_at),
    )


def released(release: Release) -> bytes:
    """Return the event that announces a release."""
    return events_pb2.RegistryReleased(release=release_to(release)).SerializeToString()


def _instant_to(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
