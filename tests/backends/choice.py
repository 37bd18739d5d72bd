"""Which backend this test run uses, and why."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

PG_IMAGE = "postgres:18"
NATS_IMAGE = "nats:2.15"
IMAGES = (PG_IMAGE, NATS_IMAGE)
NAMES = ("auto", "containers", "embedded", "external")


@dataclass(frozen=True, slots=True)
class Choice:
    """A backend and the reason it was taken."""

    backend: str
    reason: str

    def __str__(self) -> str:
        return f"{self.backend} ({self.reason})"


def choose(environment: Mapping[str, str], why_no_containers: Callable[[], str | None]) -> Choice:
    """Return the backend for `environment`. Containers are asked about only under `auto`."""
    wanted = environment.get("SONGTOR_TEST_BACKEND", "auto")
    if wanted not in NAMES:
        raise ValueError(f"SONGTOR_TEST_BACKEND={wanted}: give one of {', '.join(NAMES)}")
    if wanted != "auto":
        return Choice(wanted, "asked for")
    if environment.get("SONGTOR_TEST_PG_URL"):
        return Choice("external", "SONGTOR_TEST_PG_URL is set")
    obstacle = why_no_containers()
    if obstacle is None:
        return Choice("containers", "an engine with both images is here")
    return Choice("embedded", obstacle)


def why_no_containers() -> str | None:
    """Return why containers cannot be used here, or None. Pulls nothing."""
    try:
        import docker  # noqa: PLC0415  (takes half a second; only this question needs it)
    except ImportError:
        return "docker's Python client is not installed"
    try:
        engine = docker.from_env(timeout=2)
    except docker.errors.DockerException:
        return "no container engine answers"
    try:
        for image in IMAGES:
            engine.images.get(image)
    except docker.errors.ImageNotFound:
        return f"the container engine lacks one of {', '.join(IMAGES)}"
    except docker.errors.DockerException:
        return "the container engine does not answer"
    finally:
        engine.close()
    return None


def current() -> Choice:
    """Return the backend of this run."""
    with warnings.catch_warnings():
        # An engine that does not answer leaves the client's socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        choice = choose(os.environ, why_no_containers)
        gc.collect()
    return choice
