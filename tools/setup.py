"""Make a virtual environment that holds exactly what requirements/ pins, or find it made.

Runs on a bare Python with nothing installed. Prints the environment's folder on standard output
and what it does on standard error:

    python3 tools/setup.py --for run|tests [--folder .venv | --own] [--exactly]
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
import time
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What is installed for a purpose also serves the purposes after it.
PURPOSES = {"tests": ("dev.txt", ("tests", "run")), "run": ("local.txt", ("run",))}
OUR_OWN = (
    "adapters", "cli", "directory", "gen", "mesh", "policies", "sandbox", "services",
)  # fmt: skip
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
STAMP = "songtor-setup"


def version_of(folder: Path) -> str | None:
    """Return the version of Python in `folder`, or None where no working one is."""
    python = folder / "bin" / "python"
    code = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        answer = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603 our own
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()


def wanted(purpose: str, version: str) -> str:
    """Return the mark of an environment made for `purpose` from what the files say now."""
    digest = hashlib.sha256(version.encode())
    for name in (
        "requirements/setup.txt",
        f"requirements/{PURPOSES[purpose][0]}",
        "pyproject.toml",
    ):
        digest.update((ROOT / name).read_bytes())
    return f"{purpose} {digest.hexdigest()} {ROOT}"


def place(folder: Path, *, own: bool, exactly: bool) -> Path:
    """Return a folder with a working environment, made now if none was there."""
    mine = "{}.{}".format(*sys.version_info)
    if own and version_of(folder) != mine:
        folder = folder.with_name(f"{folder.name}-{mine}")
    there = version_of(folder)
    if there not in SUPPORTED or ((own or exactly) and there != mine):
        say(f"making {folder.name} with Python {mine}")
        venv.create(folder, clear=True, with_pip=True, symlinks=True)
    return folder


def install(folder: Path, requirements: str) -> None:
    """Install the pinned set and the project itself, refusing any file whose hash is not listed."""
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    run([*pip, "--require-hashes", "-r", "requirements/setup.txt"])
    # Compiled now, once: eighteen processes start at a time, and would each compile for themselves.
    uv = [str(folder / "bin" / "uv"), "pip", "install", "--quiet", "--compile-bytecode"]
    uv += ["--python", python]
    project = ["--no-deps", "--no-build-isolation", "--editable", "."]
    for arguments in (["--require-hashes", "-r", f"requirements/{requirements}"], project):
        # uv is ten times faster, but reads no pip.conf: behind a mirror of one's own pip must do.
        if run([*uv, *arguments], check=False):
            say("uv could not install: trying pip, which takes some minutes")
            run([*pip, *arguments])
    run([python, "-m", "compileall", "-q", *OUR_OWN], check=False)


def run(command: list[str], *, check: bool = True) -> int:
    """Run one command in the project; with `check`, stop here with its status if it failed."""
    settings = {"UV_PYTHON_DOWNLOADS": "never", **os.environ}
    status = subprocess.run(command, cwd=ROOT, env=settings, check=False, stdout=sys.stderr)  # noqa: S603 our own
    if check and status.returncode:
        say(f"failed: {' '.join(command)}")
        raise SystemExit(status.returncode)
    return status.returncode


def say(text: str) -> None:
    """Tell the person who waits; standard output belongs to the answer."""
    print(f"setup: {text}", file=sys.stderr, flush=True)


def main() -> int:
    """Set up, unless the stamp says that nothing has changed since the last time."""
    parser = argparse.ArgumentParser(description="make the virtual environment")
    parser.add_argument("--for", dest="purpose", choices=PURPOSES, default="run")
    parser.add_argument("--folder", type=Path, default=ROOT / ".venv")
    parser.add_argument("--own", action="store_true", help="one folder for each Python version")
    parser.add_argument("--exactly", action="store_true", help="this Python, not the one in place")
    options = parser.parse_args()
    # Two makes at once must not install into one folder.
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        began = time.monotonic()
        folder = place(options.folder, own=options.own, exactly=options.exactly)
        version = version_of(folder) or "none"
        stamp = folder / STAMP
        marks = stamp.read_text().splitlines() if stamp.exists() else []
        if wanted(options.purpose, version) not in marks:
            requirements, serves = PURPOSES[options.purpose]
            say(f"installing {requirements} for Python {version} into {folder.name}")
            install(folder, requirements)
            stamp.write_text("".join(f"{wanted(purpose, version)}\n" for purpose in serves))
            say(f"ready in {time.monotonic() - began:.0f} s")
    print(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
