"""Render deploy/k8s as kustomize does, and judge every object: `python -m tools.manifests`.

Four judges: Kubernetes' own schemas, oldest and newest version we promise; for the operators' kinds
that those do not know, a schema of ours that knows the fields we use; our rules for workloads; and
nats-server itself for its configuration.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import yaml

from mesh.identity import DevelopmentAuthority
from tools.wire import ROOT

K8S = ROOT / "deploy" / "k8s"
VERSIONS = ("1.31", "1.37")
# Kinds of operators; Kubernetes has no schema for them, so deploy/k8s/schemas holds what we use.
OPERATORS = {
    "Cluster": "CloudNativePG",
    "Certificate": "cert-manager",
    "Issuer": "cert-manager",
}

Object = dict[str, Any]


def render(folder: Path) -> list[Object]:
    """Return the objects that kustomize makes of `folder`, or stop with its complaint."""
    kubectl = Path(sys.executable).with_name("kubectl")
    command = [str(kubectl), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own
    if done.returncode:
        raise SystemExit(f"{folder.relative_to(ROOT)} does not render:\n{done.stderr}")
    return [item for item in yaml.safe_load_all(done.stdout) if item]


def name_of(item: Object) -> str:
    """Return how a person finds the object again."""
    return f"{item['kind']}/{item['metadata']['name']}"


def misshapen(item: Object) -> Iterator[str]:
    """Yield what the object's schema does not allow, an unknown field too."""
    if item["kind"] in OPERATORS:
        file = K8S / "schemas" / f"{item['kind'].lower()}.yaml"
        schema = yaml.safe_load(file.read_text(encoding="utf-8"))
        for error in jsonschema.Draft202012Validator(schema).iter_errors(item):
            yield f"{error.json_path}: {error.message}"
        return
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            yield f"Kubernetes {version}: {'.'.join(map(str, error.path))}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError as error:
            yield error.message


def pod_of(item: Object) -> Object | None:
    """Return the pod's spec inside a workload, or None for any other object."""
    spec: Object | None = item.get("spec", {}).get("template", {}).get("spec")
    return spec


def careless(item: Object) -> Iterator[str]:
    """Yield what a workload of ours must have and this one has not."""
    pod = pod_of(item)
    if pod is None:
        return
    outer = pod.get("securityContext", {})
    if outer.get("runAsNonRoot") is not True:
        yield "may run as root"
    if outer.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield "has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False:
        yield "is handed a token for the Kubernetes API"
    for container in pod.get("initContainers", []) + pod["containers"]:
        for complaint in careless_container(container, serves=item["kind"] != "Job"):
            yield f"container {container['name']} {complaint}"


def careless_container(container: Object, *, serves: bool) -> Iterator[str]:
    """Yield the same for one container; one that serves must also say how it is."""
    inner = container.get("securityContext", {})
    if inner.get("allowPrivilegeEscalation") is not False:
        yield "may gain privileges"
    if inner.get("capabilities", {}).get("drop") != ["ALL"]:
        yield "keeps capabilities"
    if inner.get("readOnlyRootFilesystem") is not True:
        yield "may write to its own image"
    resources = container.get("resources", {})
    for bound, wanted in (("requests", ("cpu", "memory")), ("limits", ("memory",))):
        for name in wanted:
            if name not in resources.get(bound, {}):
                yield f"states no {name} among its {bound}"
    tag = container["image"].rpartition("/")[2].partition(":")[2]
    if "@sha256:" not in container["image"] and tag in ("", "latest"):
        yield "runs an image that changes under us"
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if serves and probe not in container:
            yield f"has no {probe}"


def loose_ends(items: Iterable[Object]) -> Iterator[str]:
    """Yield names that one object uses and no object has."""
    items = list(items)
    have = {(item["kind"], item["metadata"]["name"]) for item in items}
    # The operators make these from our Certificates and our Cluster.
    for item in items:
        if item["kind"] == "Certificate":
            have.add(("Secret", item["spec"]["secretName"]))
        if item["kind"] == "Cluster":
            made = (f"{item['metadata']['name']}-{suffix}" for suffix in ("app", "ca"))
            have |= {("Secret", name) for name in made}
    for item in items:
        for kind, name in sorted(set(references(pod_of(item) or {}))):
            if (kind, name) not in have:
                yield f"{name_of(item)}: there is no {kind}/{name}"


def references(part: Any) -> Iterator[tuple[str, str]]:
    """Yield every object that a pod's spec names."""
    if isinstance(part, list):
        for element in part:
            yield from references(element)
    if not isinstance(part, dict):
        return
    if "serviceAccountName" in part:
        yield "ServiceAccount", part["serviceAccountName"]
    for field, kind, key in (
        ("secretKeyRef", "Secret", "name"),
        ("configMapKeyRef", "ConfigMap", "name"),
        ("secretRef", "Secret", "name"),
        ("configMapRef", "ConfigMap", "name"),
        ("secret", "Secret", "secretName"),
        ("configMap", "ConfigMap", "name"),
    ):
        if isinstance(part.get(field), dict) and key in part[field]:
            yield kind, part[field][key]
    for value in part.values():
        yield from references(value)


def judge(items: list[Object]) -> list[str]:
    """Return every complaint about a rendered set, each with the object it is about."""
    found = [
        f"{name_of(item)}: {complaint}"
        for item in items
        for complaint in (*misshapen(item), *careless(item))
    ]
    return found + list(loose_ends(items))


def broker_refuses(folder: Path) -> list[str]:
    """Return what nats-server says against its configuration in `folder`."""
    with tempfile.TemporaryDirectory() as scratch:
        identity = DevelopmentAuthority(Path(scratch)).issue("service", "nats")
        for file in folder.iterdir():
            text = file.read_text(encoding="utf-8")
            text = text.replace("/etc/nats/identity", str(identity.folder))
            Path(scratch, file.name).write_text(text, encoding="utf-8")
        program = Path(sys.executable).with_name("nats-server")
        done = subprocess.run(  # noqa: S603 our own
            [str(program), "-t", "-c", f"{scratch}/nats.conf"],
            env={"POD_NAME": "nats-0"},
            capture_output=True,
            text=True,
            check=False,
        )
        return [f"nats.conf: {done.stderr.strip()}"] if done.returncode else []


def main() -> int:
    """Render and judge every overlay; an overlay holds every base."""
    broker = broker_refuses(K8S / "components" / "nats")
    print(f"manifests: nats-server {'refuses' if broker else 'accepts'} its configuration", *broker)
    failed = bool(broker)
    for overlay in sorted((K8S / "overlays").iterdir()):
        items = render(overlay)
        complaints = judge(items)
        failed = failed or bool(complaints)
        ours = sorted({item["kind"] for item in items} & OPERATORS.keys())
        print(
            f"manifests: {overlay.name}: {len(items)} objects,"
            f" {len(complaints)} complaints (Kubernetes {' and '.join(VERSIONS)};"
            f" by our own schema, because Kubernetes knows no such kind:"
            f" {', '.join(f'{kind} of {OPERATORS[kind]}' for kind in ours)})"
        )
        print("".join(f"  {complaint}\n" for complaint in complaints), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
