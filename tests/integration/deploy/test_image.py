"""What the image holds is enough: the folders that are copied and the packages that are pinned."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CONTAINERFILE = (ROOT / "deploy/images/Containerfile").read_text(encoding="utf-8")
PINNED = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/main.txt").read_text(), re.M)
PROCESSES = sorted(
    f"{kind}.{path.parent.name}"
    for kind in ("services", "adapters")
    for path in (ROOT / kind).glob("*/__main__.py")
)

# Runs one process in the image's folders, where packages that are not pinned do not exist.
PROBE = """
import importlib.abc, importlib.metadata, json, pathlib, re, runpy, sys
root, image, module, pinned = sys.argv[1:5]
sys.path[:] = [image, f"{image}/gen", *(p for p in sys.path if "site-packages" in p
    or not pathlib.Path(p or ".").resolve().is_relative_to(root))]

class Absent(importlib.abc.MetaPathFinder):
    def __init__(self):
        self.owners = importlib.metadata.packages_distributions()
        self.pinned = set(json.loads(pinned))

    def find_spec(self, name, path=None, target=None):
        owners = self.owners.get(name, ())
        plain = {re.sub(r"[-_.]+", "-", owner).lower() for owner in owners}
        if owners and not plain & self.pinned:
            raise ModuleNotFoundError(f"{name} of {owners} is not in main.txt", name=name)

for name in [n for n in sys.modules if n.partition(".")[0] in ("setuptools", "_distutils_hack")]:
    del sys.modules[name]
sys.meta_path.insert(0, Absent())
sys.argv = [module, "--check-config"]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert not stop.code, stop.code
assert sys.modules["mesh"].__file__.startswith(image)
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the last stage, where the Containerfile puts them."""
    folder = tmp_path_factory.mktemp("image")
    copied = re.findall(r"^COPY (\w+) /app/(\w+)$", CONTAINERFILE, re.MULTILINE)
    assert len(copied) > 5
    for source, target in copied:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / source, folder / target, ignore=ignored)
    return folder


@pytest.mark.parametrize("module", [*PROCESSES, "cli.migrate"])
def test_a_process_starts_from_what_the_image_holds(module: str, image: Path) -> None:
    done = subprocess.run(  # noqa: S603 our own
        [sys.executable, "-P", "-c", PROBE, str(ROOT), str(image), module, json.dumps(PINNED)],
        cwd=image,
        env={"PATH": "/usr/bin:/bin", "SONGTOR_ENV": "production"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
