"""How to run PostgreSQL, which refuses root, when we are root.

Three ways, tried in this order; none makes a user or opens a folder that is not ours:

1. as `nobody`, when that user can reach the programs and the data folder;
2. in a user namespace in which we are not root (`unshare`), wherever either lies;
3. as `nobody` with a copy of the programs beside the data folder, where namespaces are forbidden.
"""

from __future__ import annotations

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from sandbox.process import ProcessError

NAMESPACE = ("--user", "--map-user=65534", "--map-group=65534")
PROBE_TIMEOUT = 10
WHEEL_TREE = "pginstall"
"""The wheel's one folder, which can be copied whole; a distribution's programs lie among others."""


class RootlessError(ProcessError):
    """No safe way was found; the message says what the person can do."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a PostgreSQL program: which one, behind what, as whom (-1: as ourselves)."""

    programs: Path
    prefix: tuple[str, ...] = ()
    uid: int = -1
    gid: int = -1

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        """Return the whole command line of one of PostgreSQL's programs."""
        return (*self.prefix, str(self.programs / program), *arguments)


def choose(programs: Path, folder: Path, *, root: bool, unshare: str | None) -> Launch:
    """Return the first way that works for `programs` and data below `folder`. Blocks shortly."""
    if not root:
        return Launch(programs)
    nobody = pwd.getpwnam("nobody")
    folder_open = others_may_enter(folder)
    if folder_open and _runs_as(nobody, programs / "postgres"):
        return Launch(programs, uid=nobody.pw_uid, gid=nobody.pw_gid)
    if unshare is not None and _runs(unshare, *NAMESPACE, str(programs / "postgres")):
        return Launch(programs, prefix=(unshare, *NAMESPACE))
    if folder_open and programs.parent.name == WHEEL_TREE:
        copied = _copy(programs, folder)
        if _runs_as(nobody, copied / "postgres"):
            return Launch(copied, uid=nobody.pw_uid, gid=nobody.pw_gid)
    raise RootlessError(
        f"PostgreSQL refuses to run as root, this machine forbids user namespaces, and the user"
        f" nobody cannot reach {folder} and {programs}. Use a data folder that others may enter,"
        f" or run as an ordinary user."
    )


def others_may_enter(folder: Path) -> bool:
    """Tell whether a stranger may walk down to `folder`."""
    path = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def hand_over(path: Path, launch: Launch) -> None:
    """Make the user who will run PostgreSQL the owner of `path` and all below it.

    Needed again on each start: the way may differ from the last run's (moved, other container).
    """
    uid = os.geteuid() if launch.uid < 0 else launch.uid
    gid = os.getegid() if launch.gid < 0 else launch.gid
    if path.stat().st_uid == uid or os.geteuid() != 0:
        return
    # The top last: its owner says that all below is done, should we be killed half way.
    for parent, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.chown(Path(parent, name), uid, gid, follow_symlinks=False)
    os.chown(path, uid, gid)


def _runs(*command: str) -> bool:
    return _ask(command, None)


def _runs_as(user: pwd.struct_passwd, program: Path) -> bool:
    return _ask((str(program),), user)


def _ask(command: tuple[str, ...], user: pwd.struct_passwd | None) -> bool:
    """Tell whether the program can be started at all; `--version` works for root too."""
    try:
        answer = subprocess.run(  # noqa: S603  (PostgreSQL's own program)
            [*command, "--version"],
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
            cwd="/",
            capture_output=True,
            check=False,
            timeout=PROBE_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return answer.returncode == 0


def _copy(programs: Path, folder: Path) -> Path:
    """Copy the wheel's tree below `folder`: the programs find their libraries by relative path."""
    install = programs.parent
    site, copy = install.parent.parent, folder / "programs"
    place = copy / install.relative_to(site)
    if not place.exists():
        half = copy.with_suffix(".half")
        shutil.rmtree(half, ignore_errors=True)
        shutil.copytree(install, half / install.relative_to(site), symlinks=True)
        libraries = site / f"{install.parent.name}.libs"
        if libraries.exists():
            shutil.copytree(libraries, half / libraries.name)
        for parent, _, files in os.walk(half):
            Path(parent).chmod(0o755)
            for name in files:
                path = Path(parent, name)
                if not path.is_symlink():
                    path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
        shutil.rmtree(copy, ignore_errors=True)
        half.rename(copy)
    return place / programs.name
