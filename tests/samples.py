"""Invented reports, as a door sends them. Nobody in them exists."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import uuid4

from google.protobuf.json_format import ParseDict

from songtor.intake.v1 import intake_pb2

CANARIES = (
    "ทดสอบ-คานารี-ผู้แจ้ง",
    "ทดสอบ-คานารี-ผู้ประสบปัญหา",
    "ทดสอบ-คานารี-ผู้ถูกกล่าวหา",
    "9-0000-00000-00-1",
    "000-001-0001",
    "ซอยคานารี 77",
    "เรื่องคานารีที่เล่าให้ฟัง",
    "หลังบ้านคานารี",
)
"""Words of `report()` that only its identity block may hold, one for each kind of field."""


def report(**changes: Any) -> dict[str, Any]:
    """Return a report in the words of the REST API, with `changes` over it."""
    whole: dict[str, Any] = {
        "channel": "website",
        "kind": "incident",
        "problem_types": ["violence"],
        "place": {"province_code": "50", "district_code": "5001", "text": CANARIES[7]},
        "reporter": {"name": CANARIES[0], "phone": CANARIES[4]},
        "people": [
            {
                "name": CANARIES[1],
                "id_number": CANARIES[3],
                "address": CANARIES[5],
                "age": 12,
                "sex": "female",
                "nationality": "THA",
            }
        ],
        "alleged": [{"name": CANARIES[2]}],
        "narrative": CANARIES[6],
        "need_summary": "ต้องการที่พักปลอดภัยคืนนี้",
        "language": "tha",
    }
    return whole | changes


def submission(key: str | None = None, **changes: Any) -> intake_pb2.Submission:
    """Return the report as the gateway hands it to intake; `changes` are fields of the message."""
    told = report()
    place = told.pop("place")
    message = ParseDict(
        told
        | {
            "report_id": str(uuid4()),
            "channel": "CHANNEL_WEBSITE",
            "kind": "REPORT_KIND_INCIDENT",
            "place_text": place.pop("text"),
            "place": place,
        }
        | changes,
        intake_pb2.Report(),
    )
    content = intake_pb2.Report.FromString(message.SerializeToString())
    content.ClearField("report_id")
    return intake_pb2.Submission(
        source="door:website",
        idempotency_key=key or str(uuid4()),
        request_digest=hashlib.sha256(content.SerializeToString(deterministic=True)).digest(),
        report=message,
    )
