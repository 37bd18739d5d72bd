"""Write the pages that are made from the code and check the others: `python -m tools.docs`.

With `--check` nothing is written, and a page out of date is a complaint. Made are the settings'
page, from every Settings, and the broker's users on Kubernetes, from every room's grant. In all
pages links must lead to a file and a heading that are there, every `make …` must name a task of the
Makefile, and every `songtor …` a command.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.main import get_group

from adapters.sdk.config import AdapterSettings
from cli import migrate
from cli.main import app
from cli.rollout import Rollout
from mesh.config import ProcessSettings
from tools import broker_users
from tools.wire import ROOT

CONFIGURATION = Path("docs/configuration.md")
HEAD = """\
# Configuration

Made from the code by `make docs`; change a setting's docstring, not this page.

A process is told everything by its environment when it starts, and by nothing else. Names that it
does not know are ignored, so that an old program starts under new configuration.
"""


def rooms(kind: str) -> list[str]:
    """Return the rooms of a kind, `services` or `adapters`, that declare settings."""
    return sorted(path.parent.name for path in (ROOT / kind).glob("*/config.py"))


def settings_of(kind: str, room: str) -> type[ProcessSettings]:
    """Return the one Settings that a room declares; an adapter without takes the SDK's."""
    if kind == "adapters" and room not in rooms(kind):
        room = "sdk"
    module = importlib.import_module(f"{kind}.{room}.config")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ProcessSettings)
        and value.__module__ == module.__name__
    )
    return found


def row(settings: type[BaseSettings], name: str, field: FieldInfo) -> str:
    """Return a setting as a row of a table."""
    variable = f"{settings.model_config.get('env_prefix', '')}{name}".upper()
    if field.is_required():
        default = "**required**"
    else:
        value = field.get_default(call_default_factory=True, validated_data={})
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        default = "unset" if plain in (None, "", (), []) else f"`{plain}`"
    meaning = " ".join((field.description or "").split()).replace("|", "\\|")
    return f"| `{variable}` | {default} | {meaning} |"


def table(settings: type[BaseSettings], without: type[BaseSettings] | None = None) -> str:
    """Return the settings of a class, less those that it shares with `without`."""
    shared = without.model_fields if without else {}
    rows = [
        row(settings, name, field)
        for name, field in settings.model_fields.items()
        if name not in shared or repr(field) != repr(shared[name])
    ]
    if not rows:
        return "Nothing of its own.\n"
    return "\n".join(["| variable | default | meaning |", "|---|---|---|", *rows, ""])


def configuration() -> str:
    """Return the page of all settings."""
    parts = [HEAD, "## Every process\n", table(ProcessSettings)]
    for kind, shared in (("services", ProcessSettings), ("adapters", AdapterSettings)):
        if kind == "adapters":
            parts += ["## Every adapter\n", table(AdapterSettings, ProcessSettings)]
        for room in rooms(kind):
            settings = settings_of(kind, room)
            if settings is not shared:
                parts += [f"## {kind}.{room}\n", table(settings, shared)]
    parts += ["## Migrations (`songtor migrate`)\n", table(migrate.Settings)]
    return "\n".join(parts)


def made() -> dict[Path, str]:
    """Return what each made file has to hold."""
    return {
        CONFIGURATION: configuration(),
        broker_users.USERS: broker_users.users(Rollout.of_this_version().grants),
    }


def undocumented() -> Iterator[str]:
    """Yield settings that nobody explains."""
    for kind in ("services", "adapters"):
        for room in rooms(kind):
            for name, field in settings_of(kind, room).model_fields.items():
                if not field.description:
                    yield f"{kind}/{room}/config.py: {name} has no docstring"


def pages() -> list[Path]:
    """Return every page a person reads."""
    own = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return [*own, *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("deploy/**/*.md"))]


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def broken_links(page: Path) -> Iterator[str]:
    """Yield links to files or headings that are not there. Other sites are not asked."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        goal = (page.parent / path).resolve() if path else page
        if not goal.exists():
            yield f"{page.relative_to(ROOT)}: {target} leads nowhere"
        elif anchor and anchor not in anchors(goal):
            yield f"{page.relative_to(ROOT)}: {target} names a heading that is not there"


def tasks() -> set[str]:
    """Return the Makefile's tasks that are described."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z0-9-]+):.*## ", text, re.MULTILINE))


def unknown_tasks(page: Path) -> Iterator[str]:
    """Yield mentions of tasks that the Makefile does not have."""
    for name in re.findall(
        r"(?:^|`)make ([a-z][a-z0-9-]*)", page.read_text(encoding="utf-8"), re.M
    ):
        if name not in tasks():
            yield f"{page.relative_to(ROOT)}: there is no `make {name}`"


def commands() -> set[str]:
    """Return the first words that the `songtor` command knows."""
    return set(get_group(app).commands)


def unknown_commands(page: Path) -> Iterator[str]:
    """Yield mentions of commands that `songtor` does not have."""
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"(?:^|`)songtor ([a-z]+)", text, re.MULTILINE):
        if name not in commands():
            yield f"{page.relative_to(ROOT)}: there is no `songtor {name}`"


def main(arguments: list[str]) -> int:
    """Write the made pages, or with `--check` compare them, and check all others."""
    complaints = list(undocumented())
    for name, text in made().items():
        page = ROOT / name
        if "--check" not in arguments:
            page.write_text(text, encoding="utf-8")
        elif not page.exists() or page.read_text(encoding="utf-8") != text:
            complaints.append(f"{name} is out of date: run `make docs`")
    for page in pages():
        complaints += [*broken_links(page), *unknown_tasks(page), *unknown_commands(page)]
    print("\n".join(complaints) or f"docs: {len(pages())} pages, every link and task is there")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
