"""Small made-up registries for tests: a unit in words, and random ones for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from directory.dated import Capacity, Mandate
from directory.model import Place, Unit
from directory.resolve import Query
from policies.model import Target

AREAS = [f"{p}{d}{s}" for p in ("10", "50", "51") for d in ("01", "02") for s in ("01", "02")]
AGENCIES = ("police", "msdhs")
TYPES = ("station", "office", "province_desk")
ROLES = ("front_line_1", "front_line_2", "responder", "tier_desk")
PROBLEMS = ("violence", "trafficking")
LANGUAGES = ("tha", "mya", "mfa")


def unit(unit_id: str, area: str, **fields: Any) -> Unit:
    """Return a police station that stands in `area`, answers for its district, never closes."""
    given: dict[str, Any] = {
        "external_ids": (),
        "name_th": unit_id,
        "name_en": unit_id,
        "agency": "police",
        "ministry": "police",
        "affiliation": "police",
        "unit_type": "station",
        "roles": ("front_line_2",),
        "problem_types": PROBLEMS,
        "languages": ("tha",),
        "province": area[:2],
        "district": area[:4],
        "subdistrict": area,
        "latitude": 15.0,
        "longitude": 100.0,
        "coverage": (area[:4],),
        "hours": "24x7",
        "email": f"{unit_id}@unit.example",
        "phone": "000-000-0000",
        "parent": "",
        "is_intake": True,
        "adapter": "police",
        "tier": "",
        "suspended": False,
        "synthetic": True,
    }
    return Unit(id=unit_id, **{**given, **fields})


def central_desk() -> Unit:
    return unit(
        "central",
        "100101",
        agency="msdhs",
        unit_type="central_desk",
        roles=("tier_desk",),
        coverage=("TH",),
        tier="central",
    )


def some_of(values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=3).map(tuple)


DAYS = ("", "2026-01-01", "2026-03-02", "2026-06-01")
mandates = st.builds(
    Mandate,
    kind=st.sampled_from(("area", "team", "overflow")),
    area=st.sampled_from(AREAS).flatmap(lambda a: st.sampled_from([a, a[:4], a[:2]])),
    role=st.sampled_from(ROLES),
    problem_types=some_of(PROBLEMS),
    since=st.sampled_from(DAYS),
    until=st.sampled_from(DAYS),
    by=st.just("governor"),
    reference=st.just("1/2569"),
)
capacities = st.builds(
    Capacity,
    what=st.sampled_from(("bed", "place")),
    maximum=st.just(5),
    available=st.integers(0, 1),
    stated_at=st.sampled_from(("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")),
)
coverage = st.one_of(
    st.sampled_from(AREAS).flatmap(lambda a: st.sampled_from([a, a[:4], a[:2]])), st.just("TH")
)


@st.composite
def registries(draw: st.DrawFn) -> tuple[Unit, ...]:
    """Draw up to twelve units of few kinds in few places, so that ties and gaps are common."""
    count = draw(st.integers(0, 12))
    return tuple(
        unit(
            f"u{number}",
            draw(st.sampled_from(AREAS)),
            agency=draw(st.sampled_from(AGENCIES)),
            unit_type=draw(st.sampled_from(TYPES)),
            roles=draw(some_of(ROLES)),
            problem_types=draw(some_of(PROBLEMS)),
            languages=draw(some_of(LANGUAGES)),
            latitude=draw(st.integers(13, 16)) / 1.0,
            longitude=draw(st.integers(99, 101)) / 1.0,
            coverage=tuple(sorted(draw(st.sets(coverage, max_size=3)))),
            hours=draw(st.sampled_from(("24x7", "th-gov"))),
            suspended=draw(st.integers(0, 5)) == 0,
            tier=draw(st.sampled_from(("", "", "central"))),
            valid_from=draw(st.sampled_from(DAYS)),
            valid_until=draw(st.sampled_from(DAYS)),
            capacity=tuple(draw(st.lists(capacities, max_size=2))),
            mandates=tuple(draw(st.lists(mandates, max_size=2))),
        )
        for number in range(count)
    )


places = st.one_of(
    st.sampled_from(AREAS).flatmap(lambda a: st.sampled_from([a, a[:4], a[:2]])).map(Place.of),
    st.just(Place()),
    st.just(Place.of("9999")),
    st.builds(
        lambda area, lat, lon: Place.of(area, (lat, lon)),
        st.sampled_from(AREAS),
        st.floats(13, 16),
        st.floats(99, 101),
    ),
)

names = st.sampled_from([*(f"u{n}" for n in range(12)), *(f"agency:{a}" for a in AGENCIES)])

queries = st.builds(
    Query,
    place=places,
    problem_type=st.sampled_from((*PROBLEMS, "other")),
    open_calendars=st.sampled_from(({"24x7"}, {"24x7", "th-gov"})),
    may_wait=st.booleans(),
    excluded=st.frozensets(names, max_size=2),
    declined=st.frozensets(names, max_size=2),
    taking_part=st.frozensets(names, max_size=1),
    languages=some_of(LANGUAGES),
    limit=st.integers(1, 4),
    on=st.sampled_from(DAYS),
    capacity_since=st.sampled_from(("", "2026-03-01T12:00:00Z")),
    capacity_until=st.just("2026-03-02T12:00:00Z"),
)

targets = st.builds(
    Target,
    agency=st.sampled_from(AGENCIES),
    role=st.sampled_from(ROLES),
    unit_types=some_of(TYPES),
    scope=st.sampled_from(("district", "province", "national")),
)
chains = st.lists(targets, max_size=3).map(tuple)
