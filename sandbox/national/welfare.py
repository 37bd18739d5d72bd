"""The seeds of MSDHS, of the NGOs, and of the desks that are told when a case is late."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.national.areas import (
    BANGKOK,
    POLICE_REGIONS,
    Province,
    by_region,
    outside_bangkok,
    provinces,
    share,
)
from sandbox.national.seeds import COUNTRY, Seed

HEADQUARTERS = "100804"
"""คลองมหานาค: where the ministry's own centre stands."""
COUNTERS = (
    ("จุดบริการ", "Walk-in Counter"),
    ("สายด่วน 1300", "Hotline 1300"),
    ("เว็บไซต์", "Website Desk"),
    ("แอปพลิเคชัน", "Mobile App Desk"),
    ("ไลน์ ESS Help Me", "LINE ESS Desk"),
    ("อพม. Smart", "Volunteer App Desk"),
    ("กรุงเทพกลาง", "Central Bangkok"),
    ("กรุงเทพใต้", "South Bangkok"),
    ("กรุงเทพเหนือ", "North Bangkok"),
    ("กรุงเทพตะวันออก", "East Bangkok"),
    ("กรุงธนเหนือ", "North Thonburi"),
    ("กรุงธนใต้", "South Thonburi"),
)
"""The 12 intake counters of the Social Assistance Centre: six channels, six zones of Bangkok."""
HOMES = (
    ("trafficking_shelter", 9, "สถานคุ้มครองสวัสดิภาพผู้เสียหายจากการค้ามนุษย์", "Trafficking Shelter"),
    ("child_home", 30, "สถานสงเคราะห์เด็ก", "Children's Home"),
    ("older_persons_centre", 12, "ศูนย์พัฒนาการจัดสวัสดิการสังคมผู้สูงอายุ", "Older Persons' Centre"),
    ("disability_centre", 11, "ศูนย์พัฒนาศักยภาพและอาชีพคนพิการ", "Disability Centre"),
    ("women_family_centre", 8, "ศูนย์เรียนรู้การพัฒนาสตรีและครอบครัว", "Women and Family Centre"),
)
"""Homes that take people from the whole country, spread by the number of sub-districts."""


def msdhs() -> Iterator[Seed]:
    """324: an office, a family shelter and a destitute centre a province, homes, centre units.

    Bangkok has no provincial office: its shelter is Front line 2.
    """
    for province in outside_bangkok():
        yield _in_capital(
            "provincial_office", "สำนักงานพัฒนาสังคมและความมั่นคงของมนุษย์จังหวัด", "MSDHS Office", province
        )
    for province in provinces().values():
        yield _in_capital(
            "family_shelter", "บ้านพักเด็กและครอบครัวจังหวัด", "Children and Family Shelter", province
        )
    for province in provinces().values():
        yield _in_capital(
            "destitute_centre", "ศูนย์คุ้มครองคนไร้ที่พึ่งจังหวัด", "Centre for the Homeless", province
        )
    sizes = {p.code: p.size for p in provinces().values()}
    for unit_type, total, name_th, name_en in HOMES:
        shares = share(total, sizes)
        for code, count in sorted(shares.items()):
            for number in range(count):
                province = provinces()[code]
                mark = f" {number + 1}" if number else ""
                yield Seed(
                    unit_type,
                    f"{name_th}จังหวัด{province.name_th}{mark}",
                    f"{province.name_en} {name_en}{mark}",
                    province.capital.subdistricts[-1].code,
                    COUNTRY,
                )
    for number, (_, province) in enumerate(by_region(12), start=1):
        yield Seed(
            "technical_office",
            f"สำนักงานส่งเสริมและสนับสนุนวิชาการ {number}",
            f"Technical Promotion Office {number}",
            province.capital.subdistricts[0].code,
            (province.code,),
        )
    for name_th, name_en in COUNTERS:
        yield Seed(
            "hotline_centre",
            f"ศูนย์ช่วยเหลือสังคม {name_th}",
            f"Social Assistance Centre: {name_en}",
            HEADQUARTERS,
            COUNTRY,
        )


def _in_capital(unit_type: str, prefix: str, suffix: str, province: Province) -> Seed:
    prefix = prefix.removesuffix("จังหวัด") if province.code == BANGKOK else prefix
    return Seed(
        unit_type,
        f"{prefix}{province.name_th}",
        f"{province.name_en} {suffix}",
        province.capital.subdistricts[0].code,
        (province.code,),
    )


def response_teams() -> Iterator[Seed]:
    """Bangkok's rapid mobile unit and the desk of 1300: they take cases, not reports."""
    yield Seed(
        "mobile_unit",
        "หน่วยเคลื่อนที่เร็ว ศูนย์ช่วยเหลือสังคม กรุงเทพมหานคร",
        "Bangkok Rapid Mobile Unit",
        HEADQUARTERS,
        (BANGKOK,),
        is_intake=False,
    )
    yield Seed(
        "hotline_centre",
        "ศูนย์ช่วยเหลือสังคม ส่วนประสานการช่วยเหลือ 1300",
        "Social Assistance Centre: 1300 Case Desk",
        HEADQUARTERS,
        COUNTRY,
        is_intake=False,
        second_line=True,
    )


def partners() -> Iterator[Seed]:
    """Two foundations a police region, with names of nobody: for shelter and for children."""
    for region, (_, province) in zip(POLICE_REGIONS, by_region(len(POLICE_REGIONS)), strict=True):
        for name_th, name_en in (
            ("มูลนิธิบ้านพักใจตัวอย่าง", "Example Foundation for Shelter"),
            ("มูลนิธิเพื่อนเด็กตัวอย่าง", "Example Foundation for Children"),
        ):
            yield Seed(
                "ngo",
                f"{name_th} {province.name_th}",
                f"{name_en}, {province.name_en}",
                province.capital.subdistricts[0].code,
                POLICE_REGIONS[region],
                is_intake=False,
            )


def desks() -> Iterator[Seed]:
    """One central desk, one executive desk a ministry, one desk a province: the three tiers."""
    yield Seed(
        "central_desk",
        "ระบบกลาง ศูนย์ช่วยเหลือสังคม",
        "Central Desk",
        HEADQUARTERS,
        COUNTRY,
        is_intake=False,
        tier="central",
    )
    for ministry, (name_th, name_en) in MINISTRIES.items():
        yield Seed(
            "ministry_desk",
            f"ศูนย์ประสานงานผู้บริหาร {name_th}",
            f"{name_en} Executive Desk",
            HEADQUARTERS,
            COUNTRY,
            is_intake=False,
            tier="ministry",
            ministry=ministry,
        )
    for province in provinces().values():
        yield Seed(
            "province_desk",
            f"ศูนย์ประสานงานจังหวัด{province.name_th}",
            f"{province.name_en} Province Desk",
            province.capital.subdistricts[0].code,
            (province.code,),
            is_intake=False,
            tier="province",
        )


MINISTRIES = {
    "msdhs": ("กระทรวงการพัฒนาสังคมและความมั่นคงของมนุษย์", "Social Development and Human Security"),
    "public_health": ("กระทรวงสาธารณสุข", "Public Health"),
    "police": ("สำนักงานตำรวจแห่งชาติ", "Royal Thai Police"),
    "labour": ("กระทรวงแรงงาน", "Labour"),
    "interior": ("กระทรวงมหาดไทย", "Interior"),
    "education": ("กระทรวงศึกษาธิการ", "Education"),
    "justice": ("กระทรวงยุติธรรม", "Justice"),
}
