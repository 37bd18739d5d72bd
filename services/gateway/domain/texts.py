"""What a problem is called, why it is one and what to do next, in Thai and English.

Keys are the errors' stable reasons. No text quotes what anybody sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.model import Text


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of problem in words."""

    title: Text
    detail: Text
    next: Text


_MEND = Text("แก้ไขตามรายการใน errors แล้วส่งใหม่", "Mend what `errors` lists, then send it again.")
_SAME = Text(
    "ส่งคำขอเดิมอีกครั้งด้วย Idempotency-Key เดิม จะไม่เกิดรายการซ้ำ",
    "Send the same request again with the same Idempotency-Key; it will not be done twice.",
)
_ASK_OPERATOR = Text(
    "ติดต่อผู้ดูแลระบบพร้อมแจ้ง trace_id", "Ask the hub's operators; give them the trace_id."
)
_LOOK = Text("ตรวจสอบที่อยู่และรหัสอ้างอิง แล้วลองใหม่", "Check the address and the ids, then try again.")

WORDS: Mapping[str, Words] = {
    "INVALID_FIELDS": Words(
        Text("ข้อมูลไม่ถูกต้อง", "Some fields are not right"),
        Text("บางช่องมีค่าที่รับไม่ได้ ยังไม่มีการบันทึก", "Some fields cannot be taken; nothing was stored."),
        _MEND,
    ),
    "MALFORMED_JSON": Words(
        Text("อ่าน JSON ไม่ได้", "Not JSON"),
        Text("เนื้อหาของคำขอไม่ใช่ JSON ที่สมบูรณ์", "The body is not well-formed JSON."),
        Text("ส่งใหม่เป็น JSON แบบ UTF-8", "Send it again as JSON in UTF-8."),
    ),
    "UNSUPPORTED_MEDIA_TYPE": Words(
        Text("ชนิดข้อมูลไม่รองรับ", "Not a type we read"),
        Text("รับเฉพาะ application/json", "Only application/json is read here."),
        Text("ตั้ง Content-Type: application/json", "Set Content-Type: application/json."),
    ),
    "BODY_TOO_LARGE": Words(
        Text("ข้อมูลใหญ่เกินไป", "Too large"),
        Text(
            "เนื้อหาของคำขอเกินขนาดที่รับได้ ยังไม่มีการบันทึก",
            "The body is over the limit; nothing was stored.",
        ),
        Text(
            "ย่อเรื่องเล่า แล้วส่งใหม่ ไฟล์แนบส่งแยกต่างหาก",
            "Shorten the narrative and send it again; attachments go apart.",
        ),
    ),
    "MISSING_IDEMPOTENCY_KEY": Words(
        Text("ไม่มี Idempotency-Key", "No Idempotency-Key"),
        Text(
            "คำขอที่บันทึกข้อมูลต้องมี Idempotency-Key เพื่อไม่ให้เกิดรายการซ้ำ",
            "What stores something carries an Idempotency-Key, so that it is never done twice.",
        ),
        Text(
            "สร้างค่าใหม่ เช่น UUID แล้วส่งใหม่", "Make a fresh one, a UUID for example, and send again."
        ),
    ),
    "BAD_IDEMPOTENCY_KEY": Words(
        Text("Idempotency-Key ไม่ถูกต้อง", "Not an Idempotency-Key"),
        Text("ต้องเป็นอักขระ ASCII ที่มองเห็นได้ 1 ถึง 128 ตัว", "It is 1 to 128 visible ASCII characters."),
        Text(
            "สร้างค่าใหม่ เช่น UUID แล้วส่งใหม่", "Make a fresh one, a UUID for example, and send again."
        ),
    ),
    "IDEMPOTENCY_KEY_REUSED": Words(
        Text("ใช้ Idempotency-Key ซ้ำกับข้อมูลอื่น", "This key was used for something else"),
        Text(
            "ค่านี้เคยใช้กับคำขอที่มีเนื้อหาต่างกัน คำขอเดิมยังอยู่ คำขอนี้ไม่ได้บันทึก",
            "This key came before with another body. What came first stands; this was not stored.",
        ),
        Text(
            "ถ้าเป็นเรื่องใหม่ให้ใช้ค่าใหม่ ถ้าส่งซ้ำให้ส่งเนื้อหาเดิมทุกตัวอักษร",
            "For something new use a fresh key; to repeat, send exactly what you sent before.",
        ),
    ),
    "REPORT_ID_TAKEN": Words(
        Text("report_id ถูกใช้แล้ว", "This report_id is in use"),
        Text("มีรายงานอื่นใช้ report_id นี้แล้ว", "Another report has this report_id."),
        Text("สร้าง UUID ใหม่แล้วส่งใหม่", "Make a new UUID and send again."),
    ),
    "UNAUTHENTICATED": Words(
        Text("ไม่ทราบว่าผู้ขอคือใคร", "We do not know who asks"),
        Text("ไม่มีกุญแจ API หรือกุญแจใช้ไม่ได้แล้ว", "There is no API key, or it is no longer good."),
        Text(
            "ส่ง Authorization: Bearer <กุญแจ> ที่ได้รับจากผู้ดูแลระบบ",
            "Send Authorization: Bearer <key> with the key the operators gave you.",
        ),
    ),
    "DOOR_CLOSED": Words(
        Text("ช่องทางนี้ไม่เปิดให้กุญแจนี้", "This door is closed to you"),
        Text(
            "กุญแจ API นี้ส่งรายงานผ่านช่องทางที่ระบุไม่ได้",
            "This API key may not send reports by that channel.",
        ),
        _ASK_OPERATOR,
    ),
    "PERMISSION_DENIED": Words(
        Text("ไม่มีสิทธิ์", "Not allowed"),
        Text("กุญแจ API นี้ทำรายการนี้ไม่ได้", "This API key may not do this."),
        _ASK_OPERATOR,
    ),
    "NO_SUCH_REPORT": Words(
        Text("ไม่พบเรื่องนี้", "Not found"),
        Text(
            "เลขที่เรื่องหรือรหัสติดตามไม่ตรงกัน หรือรหัสหมดอายุแล้ว",
            "The reference and the follow-up code do not belong together, or the code has run out.",
        ),
        Text("ตรวจเลขและรหัสในใบรับเรื่อง หรือโทร 1300", "Check both on your receipt, or call 1300."),
    ),
    "NOT_FOUND": Words(
        Text("ไม่พบ", "Not found"),
        Text("ไม่มีสิ่งที่ขอ หรือผู้ขอไม่มีสิทธิ์เห็น", "It is not there, or not for you."),
        _LOOK,
    ),
    "METHOD_NOT_ALLOWED": Words(
        Text("วิธีเรียกไม่ถูกต้อง", "Method not allowed"),
        Text("ที่อยู่นี้ไม่รับวิธีเรียกนี้", "This address does not take this method."),
        Text("ดูวิธีที่รับได้ในหัวข้อ Allow", "See the Allow header for those it takes."),
    ),
    "CONFLICT": Words(
        Text("สถานะปัจจุบันไม่อนุญาต", "The present state does not allow it"),
        Text(
            "สถานะของรายการเปลี่ยนไปแล้ว หรือไม่อนุญาตให้ทำเช่นนี้",
            "The state has moved on, or does not allow this step.",
        ),
        Text("อ่านสถานะใน current แล้วตัดสินใจใหม่", "Read the state in `current` and decide again."),
    ),
    "TOO_MANY": Words(
        Text("คำขอมากเกินไปในขณะนี้", "Too much at once"),
        Text(
            "ระบบรับคำขอเต็มที่แล้ว ยังไม่มีการบันทึก",
            "More is waiting than can be taken; nothing was stored.",
        ),
        Text(
            "รอตามเวลาใน Retry-After แล้วส่งคำขอเดิม เหตุฉุกเฉินโทร 1300 หรือ 191",
            "Wait as Retry-After says, then send the same again. In an emergency call 1300 or 191.",
        ),
    ),
    "UNAVAILABLE": Words(
        Text("ระบบไม่พร้อมชั่วคราว", "Out of reach for a moment"),
        Text(
            "ส่วนหนึ่งของระบบไม่ตอบ ยังไม่ยืนยันการบันทึก",
            "A part of the hub does not answer; nothing was confirmed.",
        ),
        _SAME,
    ),
    "UNKNOWN_OUTCOME": Words(
        Text("ไม่ทราบผล", "The outcome is not known"),
        Text(
            "ไม่ได้รับคำตอบทันเวลา รายการอาจบันทึกแล้วหรือยังไม่บันทึก",
            "No answer came in time: it may be done, or not.",
        ),
        _SAME,
    ),
    "INTERNAL": Words(
        Text("ข้อผิดพลาดของระบบ", "An error of ours"),
        Text("เกิดข้อผิดพลาดในระบบและบันทึกไว้แล้ว", "Something broke on our side; it is logged."),
        _SAME,
    ),
}

FIELDS: Mapping[str, Text] = {
    "INVALID": Text("ค่าไม่ถูกต้อง", "This value cannot be taken."),
    "MISSING": Text("ต้องระบุ", "This is needed."),
    "UNKNOWN_FIELD": Text("ไม่มีช่องนี้", "There is no such field."),
    "WRONG_TYPE": Text("ชนิดข้อมูลไม่ถูกต้อง", "This is of the wrong type."),
    "WRONG_FORM": Text("รูปแบบไม่ถูกต้อง", "This is not in the form it must have."),
    "TOO_LONG": Text("ยาวเกินไป", "This is too long."),
    "TOO_SHORT": Text("สั้นเกินไป", "This is too short."),
    "TOO_MANY_ITEMS": Text("จำนวนรายการเกินกำหนด", "These are too many."),
    "TWICE": Text("ระบุซ้ำ", "The same stands here twice."),
    "OUT_OF_RANGE": Text("อยู่นอกช่วงที่รับได้", "This is out of range."),
    "NOT_IN_LIST": Text("ไม่อยู่ในรายการรหัส", "This is not one of the codes."),
    "NO_TIME_ZONE": Text("ต้องระบุเขตเวลา เช่น +07:00", "A time zone is needed, as +07:00."),
    "NOTHING_TOLD": Text(
        "ต้องมีอย่างน้อยปัญหา สถานที่ หรือเรื่องเล่า อย่างใดอย่างหนึ่ง",
        "A problem, a place or a story is needed to begin.",
    ),
    "UNKNOWN_PROBLEM_TYPE": Text("ไม่มีประเภทปัญหานี้", "There is no such problem type."),
    "UNKNOWN_ESS_CAUSE": Text("ไม่มีสาเหตุ ESS นี้", "There is no such cause of an emergency."),
    "UNKNOWN_PROVINCE": Text("ไม่มีรหัสจังหวัดนี้", "No province has this code."),
    "UNKNOWN_DISTRICT": Text("ไม่มีรหัสอำเภอหรือเขตนี้", "No district has this code."),
    "UNKNOWN_SUBDISTRICT": Text("ไม่มีรหัสตำบลหรือแขวงนี้", "No sub-district has this code."),
    "DISTRICT_OUTSIDE_PROVINCE": Text(
        "อำเภอหรือเขตนี้อยู่ในจังหวัดอื่น", "The district is in another province."
    ),
    "SUBDISTRICT_OUTSIDE_DISTRICT": Text(
        "ตำบลหรือแขวงนี้อยู่ในอำเภออื่น", "The sub-district is in another district."
    ),
    "OUTSIDE_THAILAND": Text(
        "พิกัดอยู่นอกประเทศไทย ตรวจว่าละติจูดกับลองจิจูดไม่สลับกัน",
        "The point is not in Thailand; check that latitude and longitude are not swapped.",
    ),
    "IN_THE_FUTURE": Text(
        "เวลาอยู่ในอนาคตเกิน 10 นาที ตรวจนาฬิกาของเครื่อง",
        "This lies more than 10 minutes ahead; check the device's clock.",
    ),
    "UNKNOWN_UNIT": Text("ไม่มีหน่วยงานรหัสนี้", "No unit has this id."),
    "UNKNOWN_EXCLUSION": Text(
        "ต้องเป็นรหัสหน่วย agency:<รหัส> หรือ officer:<รหัส>",
        "This must be a unit's id, agency:<code> or officer:<id>.",
    ),
    "UNKNOWN_LANGUAGE": Text("ต้องเป็นรหัสภาษา ISO 639-3", "An ISO 639-3 code is needed."),
    "UNKNOWN_NATIONALITY": Text(
        "ต้องเป็นรหัสประเทศ ISO 3166-1 alpha-3", "An ISO 3166-1 alpha-3 code is needed."
    ),
    "UNKNOWN_SEX": Text("ใช้ male, female หรือ other", "Use male, female or other."),
    "UNKNOWN_GROUP": Text("ไม่มีกลุ่มเป้าหมายนี้", "There is no such target group."),
    "UNKNOWN_CHANNEL": Text("ไม่มีช่องทางติดต่อนี้", "There is no such way of contact."),
    "UNKNOWN_REASON": Text("ไม่มีรหัสเหตุผลนี้", "There is no such coded reason."),
    "UNKNOWN_OUTCOME": Text("ไม่มีรหัสผลการช่วยเหลือนี้", "There is no such coded outcome."),
}
