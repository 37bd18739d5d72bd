"""Every room has its parts: a new folder is held to this on the day it appears."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli import migrate
from cli.rollout import Rollout
from mesh.config import ProcessSettings
from mesh.identity import server_name, spiffe_id
from tools.docs import settings_of

ROOT = Path(__file__).resolve().parents[2]
BASES = ROOT / "deploy" / "k8s" / "base"
README = (ROOT / "README.md").read_text(encoding="utf-8")
# It answers the public over REST: no contract of ours, and no caller whose certificate is known.
EDGE = "gateway"
NO_PROCESS = {"sdk", "faulty"}


def rooms(kind: str) -> list[str]:
    """Return the packages of `services` or `adapters`."""
    return sorted(path.parent.name for path in (ROOT / kind).glob("*/__init__.py"))


SERVICES = rooms("services")
ADAPTERS = [name for name in rooms("adapters") if name not in NO_PROCESS]
PROCESSES = [("service", name) for name in SERVICES] + [("adapter", name) for name in ADAPTERS]


def base_of(kind: str, name: str) -> Path:
    """Return the folder with a process's manifests."""
    return BASES / (name if kind == "service" else f"adapter-{name.replace('_', '-')}")


def deployment_of(kind: str, name: str) -> dict[str, Any]:
    """Return a process's Deployment as it is written in its base."""
    text = (base_of(kind, name) / "deployment.yaml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found


def container_of(kind: str, name: str) -> dict[str, Any]:
    """Return the one container of a process's pod."""
    found: dict[str, Any] = deployment_of(kind, name)["spec"]["template"]["spec"]["containers"][0]
    return found


def allowed(service: str) -> Mapping[str, frozenset[str]]:
    """Return the allow-list that a service's server is opened with."""
    for path in sorted((ROOT / "services" / service).glob("*.py")):
        if "ALLOWED" in assigned(path):
            module = importlib.import_module(f"services.{service}.{path.stem}")
            found: Mapping[str, frozenset[str]] = module.ALLOWED
            return found
    return {}


def assigned(path: Path) -> Iterator[str]:
    """Yield the names that a module assigns at its top."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


def methods(service: str) -> set[str]:
    """Return the full names of a service's methods."""
    module = importlib.import_module(f"songtor.{service}.v1.{service}_pb2")
    return {
        f"/{contract.full_name}/{method.name}"
        for contract in module.DESCRIPTOR.services_by_name.values()
        for method in contract.methods
    }


def test_the_rooms_of_the_architecture_are_there() -> None:
    assert {"alerting", "gateway", "intake", "registry", "routing"} <= set(SERVICES)
    assert {"labour", "msdhs", "ngo", "police", "public_health"} <= set(ADAPTERS)


@pytest.mark.parametrize(
    "room",
    [f"{kind}/{name}" for kind in ("services", "adapters") for name in rooms(kind)],
)
def test_a_room_says_what_it_owns_and_stands_in_the_readme(room: str) -> None:
    module = importlib.import_module(room.replace("/", "."))
    assert len(inspect.cleandoc(module.__doc__ or "")) > 40
    assert f"| [{room}]({room}) |" in README


@pytest.mark.parametrize(("kind", "name"), PROCESSES)
def test_a_process_can_be_run_and_configured(kind: str, name: str) -> None:
    folder = ROOT / f"{kind}s" / name
    assert (folder / "__main__.py").exists()
    assert issubclass(settings_of(f"{kind}s", name), ProcessSettings)


@pytest.mark.parametrize(("kind", "name"), PROCESSES)
def test_a_process_is_tested(kind: str, name: str) -> None:
    tests = [
        path
        for layer in ("unit", "integration")
        for path in (ROOT / "tests" / layer).rglob("*.py")
        if name in path.relative_to(ROOT).as_posix() and path.name.startswith("test_")
    ]
    assert tests


@pytest.mark.parametrize("service", [name for name in SERVICES if name != EDGE])
def test_a_service_has_its_contracts(service: str) -> None:
    folder = ROOT / "proto" / "songtor" / service / "v1"
    assert (folder / f"{service}.proto").exists()
    assert (folder / "events.proto").exists()


@pytest.mark.parametrize("service", [name for name in SERVICES if name != EDGE])
def test_every_method_names_its_callers(service: str) -> None:
    callers = allowed(service)
    assert set(callers) == methods(service)
    known = {spiffe_id(kind, name) for kind, name in PROCESSES}
    for method, peers in callers.items():
        assert peers, method
        tools = {peer for peer in peers if peer.startswith(spiffe_id("tool", ""))}
        assert peers - tools <= known, method


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_has_a_stand_in_of_its_agencys_system(adapter: str) -> None:
    assert (ROOT / "sandbox" / "standins" / adapter / "__init__.py").exists()


@pytest.mark.parametrize(("kind", "name"), PROCESSES)
def test_a_process_is_deployed_as_itself(kind: str, name: str) -> None:
    annotations = deployment_of(kind, name)["metadata"]["annotations"]
    assert annotations["songtor/identity"] == spiffe_id(kind, name)
    assert annotations["songtor/server-name"] == server_name(kind, name)
    assert container_of(kind, name)["args"] == [f"{kind}s.{name}"]
    overlay = yaml.safe_load((BASES.parent / "overlays/dev/kustomization.yaml").read_text())
    assert f"../../base/{base_of(kind, name).name}" in overlay["resources"]


@pytest.mark.parametrize(("kind", "name"), PROCESSES)
def test_a_manifest_sets_only_what_its_process_reads(kind: str, name: str) -> None:
    shared = yaml.safe_load((BASES.parent / "components/process/deployment.yaml").read_text())
    everywhere = shared["spec"]["template"]["spec"]["containers"][0]["env"]
    given = {item["name"] for item in [*everywhere, *container_of(kind, name)["env"]]}
    fields = settings_of(f"{kind}s", name).model_fields
    read = {f"SONGTOR_{field}".upper() for field in fields}
    assert {name for name in given if name.startswith("SONGTOR_")} <= read
    required = {f"SONGTOR_{field}".upper() for field, info in fields.items() if info.is_required()}
    assert required <= given


@pytest.mark.parametrize("service", [name for name in SERVICES if name != EDGE])
def test_the_network_lets_in_exactly_the_callers(service: str) -> None:
    policy = yaml.safe_load((base_of("service", service) / "network-policy.yaml").read_text())
    labels = [
        peer["podSelector"]["matchLabels"]
        for rule in policy["spec"]["ingress"]
        for peer in rule["from"]
    ]
    let_in = {found["app.kubernetes.io/name"] for found in labels if "songtor/tool" not in found}
    callers = {
        peer.removeprefix(spiffe_id("service", ""))
        for peers in allowed(service).values()
        for peer in peers
        if peer.startswith(spiffe_id("service", ""))
    }
    assert let_in == callers


def test_the_migrations_job_sets_only_what_the_migrations_read() -> None:
    job = yaml.safe_load_all((BASES.parent / "components/migrations/job.yaml").read_text())
    container = next(item for item in job if item["kind"] == "Job")["spec"]["template"]["spec"][
        "containers"
    ][0]
    given = {item["name"] for item in container["env"] if item["name"].startswith("SONGTOR_")}
    fields = migrate.Settings.model_fields
    assert {f"SONGTOR_{field}".upper() for field in fields} == given


def test_every_schema_has_a_password_in_the_overlay() -> None:
    overlay = yaml.safe_load((BASES.parent / "overlays/dev/kustomization.yaml").read_text())
    secrets = {item["name"]: item for item in overlay["secretGenerator"]}
    keys = {line.partition("=")[0] for line in secrets["database-passwords"]["literals"]}
    assert keys == set(Rollout.of_this_version().schemas)
