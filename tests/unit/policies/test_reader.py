"""The shipped policies are sound, and a bad file is refused with its file and path."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from policies.faults import PoliciesError
from policies.reader import DATA, SHIPPED_IF_MISSING, load, stems

SOURCE = re.compile(r"(?:s00[0-4])(?: s00[0-4])*|proposed|(?:พ\.ร\.บ\.|ป\.อาญา|กลไก|PDPA|มติ).*")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Return a copy of the shipped policy files."""
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path.name} no longer says {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_the_four_problem_types_have_the_hosts_of_the_source_documents() -> None:
    problems = load().problem_types
    assert {code: problem.host_agency for code, problem in problems.items()} == {
        "unready_pregnancy": "public_health",
        "trafficking": "police",
        "child_labour": "labour",
        "violence": "msdhs",
        "other": "msdhs",
    }


def test_the_five_ess_causes_are_those_of_the_source_document() -> None:
    assert list(load().ess_causes) == [
        "threat",
        "detention",
        "sexual_abuse_risk",
        "violent_outburst",
        "unlawful_gathering",
    ]


def test_every_value_says_where_it_comes_from() -> None:
    sources = re.findall(r"source: ([^}\n]+)", "\n".join(p.read_text() for p in DATA.iterdir()))
    assert len(sources) > 150
    assert [source for source in sources if not SOURCE.fullmatch(source.strip())] == []


def test_every_file_tells_its_version_and_digest() -> None:
    read = load()
    assert set(read.versions) == set(stems())
    assert all(len(v.digest) == 64 and v.version >= 1 for v in read.versions.values())
    assert read.stamp()["routing"].startswith(f"{read.versions['routing'].version}:")
    assert read.version_numbers()["routing"] == read.versions["routing"].version


def test_one_changed_byte_changes_the_digest_of_that_file_only(files: Path) -> None:
    edit(files / "reasons.yaml", "Outside our area", "Outside our areas")
    before, after = load(), load(files)
    changed = {s for s in stems() if before.versions[s] != after.versions[s]}
    assert changed == {"reasons"}
    assert before.digest != after.digest


def test_a_fifth_problem_type_needs_data_only(files: Path) -> None:
    edit(
        files / "problems.yaml",
        "ess_causes:",
        "  - {code: homelessness, name: {th: คนไร้ที่พึ่ง, en: Homelessness}, host_agency: msdhs,"
        " template: other, crisis_hints: [], required: [], asked: [], source: proposed}\n"
        "ess_causes:",
    )
    assert load(files).problem_types["homelessness"].name.en == "Homelessness"


@pytest.mark.parametrize(
    ("file", "old", "new", "path", "says"),
    [
        ("problems", "host_agency: police", "host_agency: army", "$.problem_types[1]", "army"),
        ("problems", "template: violence", "template: x", "$.problem_types[3].template", "'x'"),
        ("problems", "problem_type: other", "problem_type: odd", "$.ess_causes[3]", "'odd'"),
        (
            "problems",
            "required: [place.province]",
            "required: [shoe_size]",
            "required",
            "shoe_size",
        ),
        ("problems", "code: trafficking", "kode: trafficking", "$.problem_types[1]", "kode"),
        ("problems", "code: violence", "code: other", "$.problem_types[4].code", "stands twice"),
        ("agencies", "ministry: police", "ministry: army", "$.agencies[2].ministry", "army"),
        ("agencies", ", en: MOPH}", "}", "$.agencies[1].short", "'en' is a required property"),
        ("routing", "role: responder", "role: hero", "$.rules[0].targets[0].role", "hero"),
        ("routing", "unit_types: [police_station]", "unit_types: [x]", "targets[0]", "'x'"),
        ("routing", "agency: police", "agency: labour", "unit_types", "not of 'labour'"),
        ("routing", "scope: district", "scope: galaxy", "scope", "galaxy"),
        ("routing", "fallback: ess", "fallback: nobody", "$.rules[0].fallback", "nobody"),
        ("routing", "urgencies: [crisis]", "urgencies: [soon]", "when.urgencies", "soon"),
        ("routing", "unroutable: centre", "unroutable: bin", "$.unroutable", "bin"),
        ("time_frames", "budget: 24h", "budget: soon", "$.time_frames[0].budget", "soon"),
        ("time_frames", "budget: 24h", "budget: 0h", "$.time_frames[0].budget", "nothing"),
        (
            "time_frames",
            "budget: 4h, measure: working",
            "budget: 4d, measure: working",
            "[3]",
            "day",
        ),
        ("time_frames", "calendar: receiver", "calendar: lunar", "[3].calendar", "lunar"),
        ("time_frames", "step: reach,", "step: leap,", "$.time_frames[0].step", "leap"),
        ("time_frames", "stops_on: [case.reached,", "stops_on: [case.lost,", "[0]", "case.lost"),
        ("calendars", "08:30-16:30", "16:30-08:30", "$.calendars[1]", "ends before it starts"),
        ("calendars", "08:30-16:30", "25:30-26:30", "$.calendars[1]", "hour"),
        (
            "calendars",
            "Asia/Bangkok\n    always_open: false",
            "Asia/Atlantis\n    always_open: false",
            "$.calendars[1]",
            "Atlantis",
        ),
        ("calendars", "overrides: []", "over: []", "$.calendars[1]", "over"),
        ("holidays_th", "'2026-01-02'", "'2026-02-30'", "$.holidays[1]", "day is out of range"),
        (
            "escalation",
            "tiers: [province,",
            "tiers: [moon,",
            "$.policies[0].steps[0].tiers",
            "moon",
        ),
        (
            "escalation",
            "repeat: {every: 2h, until: ack}",
            "repeat: {every: 2h, until: noon}",
            "repeat.until",
            "ack",
        ),
        ("escalation", ", repeat: {every: 2h, until: ack}", "", "$.policies[0].steps[2]", "repeat"),
        (
            "escalation",
            "after: 30m, ack_within: 1h",
            "after: 3h, ack_within: 1h",
            "steps[2].after",
            "before the step above",
        ),
        ("escalation", "steps_watched: [reach, ", "steps_watched: [", "$.policies", "'reach'"),
        ("escalation", "channels: [email]", "channels: [pigeon]", "channels", "pigeon"),
        (
            "visibility",
            "      reporter: own\n",
            "",
            "$.fields[0].views",
            "nothing about 'reporter'",
        ),
        ("visibility", "volunteer: none", "volunteer: maybe", "views.volunteer", "maybe"),
        ("reasons", "version: 1", "version: one", "$.version", "integer"),
        ("reasons", "decline:", "hold:", "$", "stands twice"),
        ("vocabulary", "calendar: 24x7", "calendar: never", "$.unit_types[1].calendar", "never"),
        ("templates", "owner: front_line_1", "owner: cat", "$.templates[0].steps[0].owner", "cat"),
    ],
)
def test_a_bad_file_is_refused_by_file_and_path(
    files: Path, *, file: str, old: str, new: str, path: str, says: str
) -> None:
    edit(files / f"{file}.yaml", old, new)
    with pytest.raises(PoliciesError) as refused:
        load(files)
    blamed = [fault for fault in refused.value.faults if fault.file == f"{file}.yaml"]
    assert any(path in fault.path and says in fault.message for fault in blamed), str(refused.value)


def test_a_folder_made_before_a_file_was_needed_reads_the_shipped_one(files: Path) -> None:
    (files / "coverage.yaml").unlink()
    assert load(files).coverage == load().coverage


@pytest.mark.parametrize("stem", sorted(set(stems()) - SHIPPED_IF_MISSING))
def test_a_file_that_is_missing_is_named(files: Path, stem: str) -> None:
    (files / f"{stem}.yaml").unlink()
    with pytest.raises(PoliciesError, match=rf"{stem}\.yaml \$: cannot be read"):
        load(files)


@pytest.mark.parametrize("stem", stems())
def test_an_unknown_key_is_refused_in_every_file(files: Path, stem: str) -> None:
    path = files / f"{stem}.yaml"
    path.write_text(path.read_text(encoding="utf-8") + "\nsurprise: true\n", encoding="utf-8")
    with pytest.raises(PoliciesError, match=rf"{stem}\.yaml \$: .*surprise"):
        load(files)


def test_a_file_that_is_not_yaml_is_refused(files: Path) -> None:
    (files / "routing.yaml").write_bytes(b"rules: [\xff")
    with pytest.raises(PoliciesError, match=r"routing\.yaml \$: is not YAML"):
        load(files)


def test_a_file_nobody_knows_is_refused_rather_than_ignored(files: Path) -> None:
    (files / "routing.yml").write_text("version: 1\n", encoding="utf-8")
    with pytest.raises(PoliciesError, match=r"routing\.yml \$: no such policy file"):
        load(files)


def test_every_fault_is_told_at_once(files: Path) -> None:
    edit(files / "reasons.yaml", "version: 1", "version: 0")
    edit(files / "agencies.yaml", "version: 1", "version: 0")
    (files / "routing.yaml").unlink()
    with pytest.raises(PoliciesError) as refused:
        load(files)
    assert [fault.file for fault in refused.value.faults] == [
        "agencies.yaml",
        "reasons.yaml",
        "routing.yaml",
    ]
