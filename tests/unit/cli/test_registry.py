"""The registry's commands, on the shipped directory and on files: no process needs to run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from directory.exchange import rows
from directory.model import Unit
from sandbox.national import national_units

HERE = tuple(u for u in national_units() if u.province == "50" or len(u.coverage) > 1 or u.tier)


@pytest.fixture(autouse=True)
def nobody_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep commands away from a hub that may run here, and from the environment's choices."""
    monkeypatch.setenv("SONGTOR_SANDBOX_DIR", str(tmp_path / "none"))
    for name in ("REGISTRY_ADDRESS", "IDENTITY_DIR", "POLICIES_DIR", "GEO_DIR"):
        monkeypatch.delenv(f"SONGTOR_{name}", raising=False)


def songtor(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["registry", *arguments])


def written(path: Path, *units: Unit) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows.write(units, file)
    return path


NIGHT = ("--at", "2026-04-13T22:00+07:00")
CHIANG_MAI = ("--lat", "18.79", "--lon", "98.98")


def test_who_answers_for_violence_at_songkran_night_and_why() -> None:
    said = songtor("resolve", *CHIANG_MAI, "--problem", "violence", *NIGHT, "--explain")
    assert said.exit_code == 0
    assert "out of hours" in said.stdout
    assert "lead: TH-MSDHS-5001-002" in said.stdout
    assert "passed over TH-MSDHS-5001-001" in said.stdout
    assert "not_on_duty" in said.stdout
    assert "rule: violence_urgent_out_of_hours" in said.stdout
    assert "approximate" in said.stdout


def test_the_answer_is_there_for_programs_too() -> None:
    said = songtor("resolve", "--place", "500701", "--problem", "other", *NIGHT, "--json")
    answer = json.loads(said.stdout)
    assert answer["answers"][0]["lead"]["ranked"][0]["unit_id"] == "TH-MSDHS-5001-002"
    assert answer["policy_digest"]


def test_an_emergency_gets_the_station_and_the_shelter_from_an_address() -> None:
    address = ("--address", "ต.ริมใต้ อ.แม่ริม จ.เชียงใหม่")
    said = songtor("resolve", *address, "--problem", "other", "--ess", "threat", *NIGHT)
    assert "lead: TH-RTP-5007-001" in said.stdout
    assert "supporting 1: TH-MSDHS-5001-002" in said.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        (*CHIANG_MAI, "--problem", "dragons"),
        (*CHIANG_MAI, "--problem", "violence", "--urgency", "soon"),
        ("--problem", "violence"),
        ("--problem", "violence", "--lat", "18"),
        (*CHIANG_MAI, "--problem", "violence", "--at", "tonight"),
        (*CHIANG_MAI, "--problem", "violence", "--at", "2026-04-13T22:00"),
    ],
)
def test_a_question_that_cannot_be_asked_is_used_wrongly(wrong: tuple[str, ...]) -> None:
    assert songtor("resolve", *wrong).exit_code == 2


def test_one_unit_is_shown_whole_with_its_chain_of_command() -> None:
    said = songtor("unit", "show", "TH-RTP-5007-001", *NIGHT)
    assert said.exit_code == 0
    assert "24x7, open now" in said.stdout
    assert "Chiang Mai Province Desk -> TH-DESK-1008-001 Central Desk" in said.stdout
    assert songtor("unit", "show", "TH-NOBODY").exit_code == 1


def test_a_directory_with_a_gap_is_not_proved_and_the_diff_says_what_opened(
    tmp_path: Path,
) -> None:
    whole = written(tmp_path / "whole.csv", *HERE)
    gap = written(
        tmp_path / "gap.csv",
        *(u for u in HERE if not (u.unit_type == "family_shelter" and u.province == "50")),
    )
    said = songtor("prove", str(gap), "--against", str(whole), "--json")
    assert said.exit_code == 1
    report = json.loads(said.stdout)
    assert report["holds"] is False
    missing = {f["place"] for f in report["opened"] if f["kind"] == "missing_unit"}
    assert missing == {"50"}
    assert report["closed"] == []


def test_a_directory_goes_out_and_differs_from_nothing(tmp_path: Path) -> None:
    source = written(tmp_path / "source.csv", *HERE[:50])
    for name in ("out.csv", "out.json"):
        target = tmp_path / name
        said = songtor("export", str(target), "--file", str(source), "--with-shelters")
        assert said.exit_code == 0
        assert songtor("diff", str(target), str(source)).exit_code == 0
    fewer = written(tmp_path / "fewer.csv", *HERE[:49])
    said = songtor("diff", str(fewer), str(source), "--json")
    assert said.exit_code == 1
    assert json.loads(said.stdout)["ended"] == [HERE[49].id]


def test_a_file_with_bad_rows_is_refused_with_every_line_before_anybody_is_asked(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "bad.csv", *HERE[:5])
    text = path.read_text(encoding="utf-8").replace("true", "yes")
    path.write_text(text, encoding="utf-8", newline="")
    said = songtor("import", str(path), "--author", "officer-1", "--reason", "a test")
    assert said.exit_code == 1
    assert "NOT_TRUE_OR_FALSE" in said.stderr
    assert "nothing was taken" in said.stderr
    missing = songtor("import", str(tmp_path / "no.csv"), "--author", "a", "--reason", "b")
    assert missing.exit_code == 1


def test_without_a_registry_a_change_says_how_to_get_one(tmp_path: Path) -> None:
    path = written(tmp_path / "good.csv", *HERE[:5])
    said = songtor("import", str(path), "--author", "officer-1", "--reason", "a test")
    assert said.exit_code == 1
    assert "SONGTOR_REGISTRY_ADDRESS" in said.stderr
