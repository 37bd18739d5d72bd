"""What a message says: case number, class, deadline, link. Thai first, then English.

Nothing here can carry a name, a place or a story, because nothing of the kind is passed in. A
silent report's letter says nothing at all but where to look.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from policies.model import Policies, Text

_BANGKOK = ZoneInfo("Asia/Bangkok")
_THAI_MONTHS = (
    "ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.",
    "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค.",
)  # fmt: skip
_ESS = Text("เหตุฉุกเฉินทางสังคม (ESS)", "Emergency (ESS)")
_UNROUTABLE = Text("ยังหาหน่วยรับเรื่องไม่ได้", "No unit found")
_WARNING = Text("ใกล้ครบกำหนด", "Due soon")
_OVERDUE = Text("เกินกรอบเวลา", "Overdue")
_NAMED_AT_MOST = 100
_SILENT = Text("แจ้งเตือน", "Notice")


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a letter is about; codes and instants only."""

    reference: str
    kind: str
    cause: str
    urgency: str
    silent: bool
    due_at: datetime
    repeated: bool
    """Sent because nobody has answered an earlier one."""
    form: str = "single"
    """`bundle` or `digest` when it speaks of `count` alerts and not of one case."""
    count: int = 1
    references: tuple[str, ...] = ()
    """The cases that a bundle speaks of."""


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    body: str


def thai_instant(at: datetime) -> str:
    """Return an instant as Thai offices write it: Buddhist year, 24-hour clock."""
    there = at.astimezone(_BANGKOK)
    month = _THAI_MONTHS[there.month - 1]
    return f"{there.day} {month} {there.year + 543} เวลา {there:%H:%M} น."


def english_instant(at: datetime) -> str:
    """Return an instant in Bangkok's time, with the zone said."""
    return f"{at.astimezone(_BANGKOK):%d %b %Y, %H:%M} (UTC+7)"


def class_of(policies: Policies, kind: str, cause: str) -> Text:
    """Return what went wrong, as a class: never what the case is about."""
    if kind == "ess":
        return _ESS
    if kind == "unroutable":
        return _UNROUTABLE
    step = policies.vocabulary.steps[cause].name
    what = _WARNING if kind == "warning" else _OVERDUE
    return Text(f"{what.th}: {step.th}", f"{what.en}: {step.en}")


def write(policies: Policies, occasion: Occasion, link: str) -> Letter:
    """Return the letter for `occasion`; `link` leads to the case for whoever may see it."""
    if occasion.form != "single":
        return _of_many(occasion, link)
    if occasion.silent:
        # Somebody may look over a shoulder: not even the class is said.
        return Letter(
            f"{_SILENT.th} / {_SILENT.en} {occasion.reference}", f"{occasion.reference}\n{link}\n"
        )
    what = class_of(policies, occasion.kind, occasion.cause)
    urgency = policies.vocabulary.urgencies[occasion.urgency].name
    again = "ย้ำ / Again: " if occasion.repeated else ""
    body = (
        f"เลขที่เรื่อง {occasion.reference}\n"
        f"ประเภท {what.th} ({urgency.th})\n"
        f"กำหนดเวลา {thai_instant(occasion.due_at)}\n"
        f"เปิดเรื่องและรับทราบ {link}\n"
        "\n"
        f"Case {occasion.reference}\n"
        f"Class {what.en} ({urgency.en})\n"
        f"Deadline {english_instant(occasion.due_at)}\n"
        f"Open and acknowledge {link}\n"
    )
    return Letter(f"{again}{what.th} / {what.en} {occasion.reference}", body)


def _of_many(occasion: Occasion, link: str) -> Letter:
    """Say how many alerts stand and where to look; of the cases of a bundle their numbers alone."""
    alerts = link.partition("/cases/")[0] + "/alerts"
    if occasion.form == "digest":
        what = Text("สรุปรายวัน: เรื่องที่ยังค้าง", "Daily digest: still standing")
    else:
        what = Text("แจ้งเตือนหลายเรื่อง", "Several alerts")
    body = (
        f"{what.th} {occasion.count} รายการ\nเปิดดู {alerts}\n\n"
        f"{what.en}: {occasion.count}\nOpen {alerts}\n"
    )
    if occasion.form == "bundle" and occasion.references:
        named = "\n".join(occasion.references[:_NAMED_AT_MOST])
        body += f"\nเลขที่เรื่อง / Cases\n{named}\n"
        if len(occasion.references) > _NAMED_AT_MOST:
            body += "…\n"
    return Letter(f"{what.th} / {what.en} ({occasion.count})", body)
