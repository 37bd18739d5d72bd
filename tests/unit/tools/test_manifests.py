"""What the judge of deploy/k8s refuses. A judge that lets everything pass would look the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tools.manifests import judge

Change = Callable[[dict[str, Any]], object]

SERVICE_ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "process"},
}
PROBE = {"httpGet": {"path": "/healthz", "port": "health"}}
DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "process"},
    "spec": {
        "selector": {"matchLabels": {"name": "process"}},
        "template": {
            "metadata": {"labels": {"name": "process"}},
            "spec": {
                "serviceAccountName": "process",
                "automountServiceAccountToken": False,
                "securityContext": {
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "process",
                        "image": "songtor:0.1.0",
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                        "resources": {
                            "requests": {"cpu": "1", "memory": "1Gi"},
                            "limits": {"memory": "1Gi"},
                        },
                        "startupProbe": PROBE,
                        "readinessProbe": PROBE,
                        "livenessProbe": PROBE,
                    }
                ],
            },
        },
    },
}
CERTIFICATE: dict[str, Any] = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "process"},
    "spec": {
        "secretName": "identity-process",
        "uris": ["spiffe://songtor/service/process"],
        "issuerRef": {"kind": "Issuer", "name": "songtor"},
    },
}


def pod(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = pod(deployment)["containers"][0]
    return found


def test_a_careful_workload_passes() -> None:
    assert judge([DEPLOYMENT, SERVICE_ACCOUNT, CERTIFICATE]) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda d: d["spec"].update(replica=2), "'replica' was unexpected"),
        (lambda d: d["spec"].update(replicas="two"), "is not of type"),
        (lambda d: d.update(apiVersion="apps/v9"), "Couldn't find schema"),
        (lambda d: pod(d)["securityContext"].update(runAsNonRoot=False), "may run as root"),
        (lambda d: pod(d)["securityContext"].pop("seccompProfile"), "seccomp"),
        (lambda d: pod(d).pop("automountServiceAccountToken"), "token"),
        (
            lambda d: container(d)["securityContext"].update(allowPrivilegeEscalation=True),
            "may gain privileges",
        ),
        (lambda d: container(d)["securityContext"].pop("capabilities"), "keeps capabilities"),
        (
            lambda d: container(d)["securityContext"].pop("readOnlyRootFilesystem"),
            "write to its own image",
        ),
        (lambda d: container(d)["resources"]["limits"].clear(), "no memory among its limits"),
        (lambda d: container(d)["resources"]["requests"].pop("cpu"), "no cpu among its requests"),
        (lambda d: container(d).update(image="songtor:latest"), "changes under us"),
        (lambda d: container(d).update(image="host:5000/songtor"), "changes under us"),
        (lambda d: container(d).pop("readinessProbe"), "has no readinessProbe"),
        (
            lambda d: container(d).update(envFrom=[{"secretRef": {"name": "gone"}}]),
            "there is no Secret/gone",
        ),
        (
            lambda d: pod(d).update(volumes=[{"name": "v", "configMap": {"name": "gone"}}]),
            "there is no ConfigMap/gone",
        ),
    ],
)
def test_a_careless_workload_is_refused(change: Change, complaint: str) -> None:
    deployment = copy.deepcopy(DEPLOYMENT)
    change(deployment)
    assert any(complaint in line for line in judge([deployment, SERVICE_ACCOUNT])), complaint


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["spec"].update(secretname="x"),
        lambda c: c["spec"].pop("issuerRef"),
        lambda c: c["spec"].update(uris=["spiffe://elsewhere/service/process"]),
    ],
)
def test_an_operators_object_is_held_to_our_schema(change: Change) -> None:
    certificate = copy.deepcopy(CERTIFICATE)
    change(certificate)
    assert judge([certificate]) != []


def test_a_secret_that_a_certificate_makes_is_there() -> None:
    deployment = copy.deepcopy(DEPLOYMENT)
    pod(deployment)["volumes"] = [{"name": "v", "secret": {"secretName": "identity-process"}}]
    assert judge([deployment, SERVICE_ACCOUNT, CERTIFICATE]) == []
    assert judge([deployment, SERVICE_ACCOUNT]) != []
