"""What the hospital's FHIR server says of itself."""

from __future__ import annotations

from sandbox.standins.public_health.fhir import TYPES, Resource

_TASK_SEARCH = ("_id", "_lastUpdated", "identifier", "status", "code", "patient", "requester")


def capability_statement() -> Resource:
    """Return the CapabilityStatement of `/fhir/metadata`."""
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-01",
        "kind": "instance",
        "implementation": {"description": "Stand-in for a hospital's referral system"},
        "fhirVersion": "4.3.0",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "interaction": [{"code": "transaction"}],
                "resource": [_resource(kind) for kind in sorted(TYPES)],
            }
        ],
    }


def _resource(kind: str) -> Resource:
    return {
        "type": kind,
        "versioning": "versioned",
        "conditionalCreate": True,
        "interaction": [{"code": code} for code in ("create", "read", "update", "search-type")],
        "searchParam": [
            {"name": name, "type": "date" if name == "_lastUpdated" else "token"}
            for name in (_TASK_SEARCH if kind == "Task" else _TASK_SEARCH[:3])
        ],
    }
