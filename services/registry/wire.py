"""Protobuf to domain and back: the only module of the registry that knows both."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from directory.decide import NORMAL, Decision, Question
from directory.model import Place, Snapshot, Unit
from directory.places.locate import Found, Located, Locator
from directory.places.names import full_name, post_codes
from directory.resolve import Candidate, Resolution
from directory.wire import place_from, unit_to
from mesh.errors import InvalidArgumentError
from policies.model import Policies
from services.registry.domain.review import Review, Shift, Signed
from services.registry.storage import Proposal, Release
from songtor.registry.v1 import events_pb2, registry_pb2
from songtor.type.v1 import type_pb2

_URGENCIES = {
    int(number): name.removeprefix("URGENCY_").lower() for name, number in type_pb2.Urgency.items()
} | {int(type_pb2.URGENCY_UNSPECIFIED): NORMAL}
UNKNOWN_DISTANCE = -1.0
FINDINGS = 100


def question_from(message: registry_pb2.Question) -> Question:
    """Return the question; an urgency that nobody judged reads as normal."""
    at = instant_from(message.at)
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
        author=release.author,
        reason=release.reason,
        approved_by=release.approved_by,
    )


def version_to(unit: Unit, since: Release, until: Release | None) -> registry_pb2.UnitVersion:
    """Return one version of a unit."""
    return registry_pb2.UnitVersion(
        unit=unit_to(unit),
        since=release_to(since),
        until=release_to(until) if until else None,
    )


def signed_from(
    chunk: registry_pb2.ImportUnitsRequest | registry_pb2.ProposeReleaseRequest, importer: str
) -> Signed:
    """Return who sends a directory, from its first chunk."""
    if not chunk.author or not chunk.reason:
        raise InvalidArgumentError(
            "the first chunk says who releases and why", reason="AUTHOR_AND_REASON_NEEDED"
        )
    if isinstance(chunk, registry_pb2.ProposeReleaseRequest):
        return Signed(importer, chunk.author, chunk.reason)
    return Signed(importer, chunk.author, chunk.reason, chunk.approved_by, chunk.override_reason)


def review_to(proposal: Proposal, review: Review) -> registry_pb2.ProposeReleaseResponse:
    """Return what a proposal would change; at most a hundred findings."""
    return registry_pb2.ProposeReleaseResponse(
        proposal_id=str(proposal.id),
        digest=proposal.digest,
        base_version=proposal.base_version,
        added=len(review.changes.added),
        changed=len(review.changes.changed),
        ended=len(review.changes.ended),
        opened=[
            registry_pb2.ProofFinding(
                kind=f.kind, what=f.what, place=f.place, subdistricts=f.count, detail=f.detail
            )
            for f in review.opened[:FINDINGS]
        ],
        closed=len(review.closed),
    )


def located(
    queries: Sequence[registry_pb2.PlaceQuery], locator: Locator
) -> list[registry_pb2.LocatedPlace]:
    """Locate each query: pins all at once, words and codes one by one."""
    pinned = [
        (query.point.latitude, query.point.longitude)
        for query in queries
        if query.HasField("point")
    ]
    pins = iter(locator.pins(pinned) if pinned else ())
    found = []
    for query in queries:
        if query.HasField("point"):
            point = query.point
            found.append(_located_to(next(pins), point))
        elif query.code:
            found.append(_located_to(locator.code(query.code), None))
        else:
            found.append(_located_to(locator.words(query.text), None))
    return found


def _located_to(answer: Located, point: type_pb2.GeoPoint | None) -> registry_pb2.LocatedPlace:
    return registry_pb2.LocatedPlace(
        quality=answer.quality,
        candidates=[_found_to(found, point) for found in answer.found],
    )


def _found_to(found: Found, point: type_pb2.GeoPoint | None) -> registry_pb2.PlaceCandidate:
    place = Place.of(found.code)
    return registry_pb2.PlaceCandidate(
        place=type_pb2.Place(
            province_code=place.province,
            district_code=place.district,
            subdistrict_code=place.subdistrict,
            point=point,
        ),
        name_th=" ".join(name.th for name in full_name(found.code)),
        name_en=", ".join(name.en for name in full_name(found.code)),
        post_codes=post_codes(found.code),
        distance_km=round(found.distance_km, 3),
        approximate=found.approximate,
    )


def shift_from(message: registry_pb2.DutyShift) -> Shift:
    """Return a turn of duty."""
    return Shift(
        unit_id=message.unit_id,
        officer=message.officer,
        rank=message.rank,
        contact=message.contact,
        starts_at=instant_from(message.starts_at),
        ends_at=instant_from(message.ends_at),
    )


def shift_to(shift: Shift) -> registry_pb2.DutyShift:
    """Return a turn of duty as it travels."""
    return registry_pb2.DutyShift(
        unit_id=shift.unit_id,
        officer=shift.officer,
        rank=shift.rank,
        contact=shift.contact,
        starts_at=_instant_to(shift.starts_at),
        ends_at=_instant_to(shift.ends_at),
    )


def instant_from(stamp: Timestamp) -> datetime:
    """Return an instant; refuse one that Python cannot hold."""
    try:
        return stamp.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise InvalidArgumentError("an instant is out of range", reason="INVALID_FIELDS") from None


def released(release: Release) -> bytes:
    """Return the event that announces a release."""
    return events_pb2.RegistryReleased(release=release_to(release)).SerializeToString()


def _instant_to(at: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(at)
    return stamp
