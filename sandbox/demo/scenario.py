"""The demo's reports, made by counting alone: the same ones on every machine.

Two waves, because who answers depends on the hour: a working day, and the night after it. Every
province sends two of each, Bangkok more, and a few reports are there to go wrong in a known way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import yaml

from sandbox.demo.expectation import BANGKOK, Ending, Expected, expected
from sandbox.demo.people import Person, invented
from sandbox.national.areas import District, Province, Subdistrict, provinces

PROBLEMS = ("violence", "unready_pregnancy", "other", "child_labour", "trafficking")
CAUSES: Mapping[str, str] = {
    "threat": "violence",
    "detention": "violence",
    "sexual_abuse_risk": "violence",
    "violent_outburst": "other",
    "unlawful_gathering": "other",
}
DOORS = ("walk_in", "hotline_1300", "website", "mobile_app", "volunteer_app", "agency")
EMERGENCY_DOORS = ("line_ess", "line_ess", "mobile_app", "hotline_1300")
"""LINE most of all: it is what the channel is for."""
LANGUAGES = {"MMR": "mya", "KHM": "khm", "LAO": "lao"}


class Wave(StrEnum):
    """When a report comes in, by the hub's clock."""

    WORKING_DAY = "working_day"
    NIGHT = "night"


@dataclass(frozen=True, slots=True)
class DemoReport:
    """One report as a client sends it, and what must become of it."""

    number: int
    wave: Wave
    channel: str
    problem: str
    ess_cause: str
    judged: str
    """Urgency as the door judges it; empty leaves it to the hub."""
    urgency: str
    """What the hub must make of it."""
    silent: bool
    province: str
    district: str
    subdistrict: str
    point: tuple[float, float] | None
    place_text: str
    reporter: Person | None
    person: Person
    narrative: str
    need: str
    language: str
    expected: Expected
    sent_twice: bool = False
    """The client loses the answer and sends the same again under the same key."""

    @property
    def anonymous(self) -> bool:
        """Whether the reporter gives no name."""
        return self.reporter is None

    @property
    def ess(self) -> bool:
        """Whether it is an emergency."""
        return bool(self.ess_cause)

    @property
    def report_id(self) -> str:
        """Return the id that the door gives it."""
        return str(uuid5(NAMESPACE_URL, f"urn:songtor:demo:report:{self.number}"))

    @property
    def key(self) -> str:
        """Return the Idempotency-Key under which it is sent, however often."""
        return f"demo-{self.number:04}"

    @property
    def marker(self) -> str:
        """Return the words by which a stand-in's script can tell it."""
        return marker(self.number)


def marker(number: int) -> str:
    """Return the words that tell a report of the demo from all others."""
    return f"ชุดสาธิต {number:04}"


@dataclass(slots=True)
class _Writer:
    """Numbers the reports as they are written."""

    written: list[DemoReport] = field(default_factory=list)

    def write(
        self,
        wave: Wave,
        place: tuple[Province, District, Subdistrict],
        problem: str,
        *,
        urgency: str = "normal",
        cause: str = "",
        channel: str = "",
        ending: Ending = Ending.COMPLETED,
        sent_twice: bool = False,
    ) -> None:
        number = len(self.written) + 1
        province, district, subdistrict = place
        scene = _scene(cause or problem, number, adult=ending is not Ending.COMPLETED)
        screened = _screened(problem, urgency, cause, scene["who"]["age"])
        doors = EMERGENCY_DOORS if cause else DOORS
        channel = channel or doors[number % len(doors)]
        pinned = bool(cause) or channel in {"mobile_app", "volunteer_app"}
        silent = bool(cause) and number % 3 == 0
        nameless = silent or (number % 7 == 0 and channel in {"website", "hotline_1300"})
        person = invented(1000 + number, **scene["who"])
        self.written.append(
            DemoReport(
                number=number,
                wave=wave,
                channel=channel,
                problem=problem,
                ess_cause=cause,
                judged="" if cause or urgency == "normal" else urgency,
                urgency=screened,
                silent=silent,
                province=province.code,
                district=district.code,
                subdistrict=subdistrict.code,
                point=district.point if pinned else None,
                place_text=_address(province, district, subdistrict),
                reporter=None if nameless else invented(number, age=25 + number % 40),
                person=person,
                narrative=scene["text"].format(place=_address(province, district, subdistrict)),
                need=f"{scene['need']} ({marker(number)})",
                language=LANGUAGES.get(person.nationality, "tha"),
                expected=expected(
                    problem,
                    province=province.code,
                    urgency=screened,
                    ess=bool(cause),
                    in_hours=wave is Wave.WORKING_DAY,
                    ending=ending,
                ),
                sent_twice=sent_twice,
            )
        )


@cache
def scenario() -> tuple[DemoReport, ...]:
    """Return every report of the demo in the order in which it is sent."""
    writer = _Writer()
    _every_province_by_day(writer)
    _bangkok(writer, Wave.WORKING_DAY)
    _declined(writer)
    _never_reached(writer)
    _without_a_place(writer)
    _every_province_by_night(writer)
    _bangkok(writer, Wave.NIGHT)
    return tuple(writer.written)


def _every_province_by_day(writer: _Writer) -> None:
    for n, province in enumerate(provinces().values()):
        for round_ in range(2):
            problem = PROBLEMS[(n + 2 * round_) % len(PROBLEMS)]
            urgency = "urgent" if (n + round_) % 4 == 0 else "normal"
            writer.write(
                Wave.WORKING_DAY,
                _place(province, n + round_),
                problem,
                urgency=urgency,
                sent_twice=(n, round_) == (0, 0),
            )


def _every_province_by_night(writer: _Writer) -> None:
    causes = list(CAUSES)
    for n, province in enumerate(provinces().values()):
        cause = causes[n % len(causes)]
        writer.write(Wave.NIGHT, _place(province, n + 2), CAUSES[cause], cause=cause)
        urgency = "crisis" if n % 3 == 0 else "urgent"
        problem = PROBLEMS[(n + 1) % len(PROBLEMS)]
        writer.write(Wave.NIGHT, _place(province, n + 3), problem, urgency=urgency)


def _bangkok(writer: _Writer, wave: Wave) -> None:
    """The capital has no provincial office; its crises go to the rapid mobile unit first."""
    bangkok = provinces()[BANGKOK]
    for n, problem in enumerate(PROBLEMS):
        writer.write(wave, _place(bangkok, 7 * n), problem, urgency="crisis")


def _declined(writer: _Writer) -> None:
    """The first unit says no with a reason, and the next one takes it."""
    for code, problem in (("50", "violence"), ("40", "trafficking")):
        place = _place(provinces()[code], 1)
        writer.write(Wave.WORKING_DAY, place, problem, ending=Ending.DECLINED_ONCE)


def _never_reached(writer: _Writer) -> None:
    """Three provinces, the work of three ministries: each desk is told of its own alone."""
    for code, problem in (("57", "violence"), ("34", "unready_pregnancy"), ("83", "child_labour")):
        place = _place(provinces()[code], 1)
        writer.write(Wave.WORKING_DAY, place, problem, ending=Ending.NOT_REACHED)


def _without_a_place(writer: _Writer) -> None:
    """Nobody is turned away for not knowing where they are: the central desk takes it."""
    place = _place(provinces()[BANGKOK], 0)
    writer.write(Wave.WORKING_DAY, place, "other", channel="mobile_app")
    report = writer.written[-1]
    writer.written[-1] = replace(
        report,
        province="",
        district="",
        subdistrict="",
        point=None,
        place_text="ไม่ทราบว่าอยู่ที่ไหน",
        narrative="นั่งรถมากับคนแปลกหน้า ไม่รู้ว่าตอนนี้อยู่ที่ไหน โทรศัพท์ใกล้หมดแบต ช่วยด้วย",
        expected=Expected("msdhs", ("central_desk",)),
    )


def _scene(about: str, number: int, *, adult: bool) -> dict[str, Any]:
    """Return the next scene in turn; an adult's where a child would change what must happen."""
    scenes = [scene for scene in _scenes()[about] if not adult or scene["who"]["age"] >= 15]
    return scenes[number % len(scenes)]


def _screened(problem: str, judged: str, cause: str, age: int) -> str:
    """Return the urgency after screening: a child under 15 at work, traded or pregnant is a crisis.

    So say the domain notes (section 2.3): what was judged at the door is never lowered.
    """
    if cause or (age < 15 and problem in {"child_labour", "trafficking", "unready_pregnancy"}):
        return "crisis"
    return judged


def _place(province: Province, n: int) -> tuple[Province, District, Subdistrict]:
    district = province.districts[n % len(province.districts)]
    return province, district, district.subdistricts[n % len(district.subdistricts)]


def _address(province: Province, district: District, subdistrict: Subdistrict) -> str:
    if province.code == BANGKOK:
        return f"แขวง{subdistrict.name_th} เขต{district.name_th} {province.name_th}"
    return f"ต.{subdistrict.name_th} อ.{district.name_th} จ.{province.name_th}"


@cache
def _scenes() -> Mapping[str, list[dict[str, Any]]]:
    path = Path(__file__).with_name("scenes.yaml")
    scenes: Mapping[str, list[dict[str, Any]]] = yaml.safe_load(path.read_text("utf-8"))
    return scenes


def by_wave() -> Iterator[tuple[Wave, tuple[DemoReport, ...]]]:
    """Yield each wave with its reports, the earliest first."""
    for wave in Wave:
        yield wave, tuple(report for report in scenario() if report.wave is wave)
