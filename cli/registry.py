"""`songtor registry …`: ask the shared directory, prove it, and change it.

Without `--hub` a command works on the directory that is shipped, or on a file, with no process
running. Exit codes: 0 done, 1 refused or not proved, 2 used wrongly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(help="The directory that all agencies share.", no_args_is_help=True)
unit_app = typer.Typer(help="One unit.", no_args_is_help=True)
app.add_typer(unit_app, name="unit")

Data = Annotated[Path | None, typer.Option("--data", help="Folder of the hub that `up` runs.")]
Hub = Annotated[bool, typer.Option("--hub", help="Ask the registry that runs.")]
File = Annotated[
    Path | None, typer.Option("--file", help="A directory as CSV or HSDS, instead of the shipped.")
]
At = Annotated[str, typer.Option("--at", help="An instant with its offset; now when left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Author = Annotated[str, typer.Option("--author", help="Who does it.")]
Reason = Annotated[str, typer.Option("--reason", help="Why.")]


def _run(work: Coroutine[Any, Any, int]) -> None:
    from cli.registry_refusals import told  # noqa: PLC0415

    raise typer.Exit(asyncio.run(told(work)))


def instant(text: str) -> datetime:
    """Return the instant that `--at` says; a text without an offset is refused."""
    from mesh.clock import SystemClock  # noqa: PLC0415

    if not text:
        return SystemClock().now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no instant as 2026-04-13T22:00+07:00") from None
    if at.tzinfo is None:
        raise typer.BadParameter(f"{text!r} says no offset: write it as 2026-04-13T22:00+07:00")
    return at


@app.command()
def prove(
    file: Annotated[Path | None, typer.Argument(help="CSV or HSDS; the shipped else.")] = None,
    *,
    against: Annotated[
        Path | None, typer.Option("--against", help="The directory to compare with.")
    ] = None,
    hub: Hub = False,
    at: At = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Prove that every sub-district is answered, for every problem, role and hour.

    With `--hub` the release in force is proved; beside a FILE it is what that is compared with.
    """
    from cli.registry_prove import run  # noqa: PLC0415

    _run(run(file, against, hub=hub, at=instant(at), as_json=as_json, data=data))


@app.command()
def resolve(
    *,
    problem: Annotated[str, typer.Option("--problem", help="violence, trafficking, ...")],
    lat: Annotated[float | None, typer.Option("--lat", help="Degrees north.")] = None,
    lon: Annotated[float | None, typer.Option("--lon", help="Degrees east.")] = None,
    place: Annotated[str, typer.Option("--place", help="A DOPA code of 2, 4 or 6 digits.")] = "",
    address: Annotated[str, typer.Option("--address", help="As somebody wrote it.")] = "",
    urgency: Annotated[str, typer.Option("--urgency", help="crisis, urgent or normal.")] = "urgent",
    ess: Annotated[str, typer.Option("--ess", help="The cause of an emergency.")] = "",
    language: Annotated[list[str] | None, typer.Option("--language", help="ISO 639-3.")] = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", help="A unit's id or agency:CODE.")
    ] = None,
    at: At = "",
    explain: Annotated[bool, typer.Option("--explain", help="Say why, unit by unit.")] = False,
    file: File = None,
    hub: Hub = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Say who is responsible: for this problem, in this place, at this hour."""
    from cli.registry_resolve import Asked, run  # noqa: PLC0415

    if (lat is None) != (lon is None):
        raise typer.BadParameter("--lat and --lon go together")
    asked = Asked(
        problem=problem,
        pin=(lat, lon) if lat is not None and lon is not None else None,
        place=place,
        address=address,
        urgency=urgency,
        ess=ess,
        languages=tuple(language or ()),
        excluded=frozenset(exclude or ()),
        at=instant(at),
    )
    _run(run(asked, explain=explain, as_json=as_json, file=file, hub=hub, data=data))


@unit_app.command("show")
def unit_show(
    unit_id: Annotated[str, typer.Argument(help="As TH-RTP-5001-001.")],
    *,
    file: File = None,
    hub: Hub = False,
    as_of: Annotated[str, typer.Option("--as-of", help="As it was then (needs --hub).")] = "",
    at: At = "",
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Show one unit: what it does, when it is open, who commands it, and its history."""
    from cli.registry_unit import run  # noqa: PLC0415

    then = instant(as_of) if as_of else None
    _run(run(unit_id, file=file, hub=hub, as_of=then, at=instant(at), as_json=as_json, data=data))


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV or HSDS.")],
    author: Author,
    reason: Reason,
    partial: Annotated[
        bool, typer.Option("--partial", help="Leave bad rows out instead of refusing the file.")
    ] = False,
    data: Data = None,
) -> None:
    """Read a directory, say what it would change, and lay it before a second person."""
    from cli.registry_exchange import propose  # noqa: PLC0415

    _run(propose(file, author=author, reason=reason, partial=partial, data=data))


@app.command()
def release(
    proposal: Annotated[str, typer.Argument(help="What `import` printed.")],
    approver: Annotated[str, typer.Option("--approver", help="Another person than the author.")],
    override_reason: Annotated[
        str, typer.Option("--override-reason", help="Why gaps that it opens are taken.")
    ] = "",
    data: Data = None,
) -> None:
    """Put a proposed directory in force, as the second person."""
    from cli.registry_exchange import approve  # noqa: PLC0415

    _run(approve(proposal, approver=approver, override_reason=override_reason, data=data))


@app.command()
def export(
    file: Annotated[Path, typer.Argument(help="Written whole or not at all.")],
    *,
    form: Annotated[str, typer.Option("--format", help="csv or hsds; by the name else.")] = "",
    source: File = None,
    hub: Hub = False,
    version: Annotated[int, typer.Option("--version", help="A release (needs --hub).")] = 0,
    with_shelters: Annotated[
        bool, typer.Option("--with-shelters", help="Tell HSDS where shelters stand.")
    ] = False,
    data: Data = None,
) -> None:
    """Write a directory as CSV or HSDS; HSDS leaves out where shelters stand."""
    from cli.registry_exchange import write  # noqa: PLC0415

    work = write(
        file,
        form,
        source=source,
        hub=hub,
        version=version,
        with_shelters=with_shelters,
        data=data,
    )
    _run(work)


@app.command()
def diff(
    new: Annotated[Path, typer.Argument(help="CSV or HSDS.")],
    old: Annotated[Path | None, typer.Argument(help="CSV or HSDS; the shipped else.")] = None,
    hub: Annotated[bool, typer.Option("--hub", help="Compare with the release in force.")] = False,
    as_json: Json = False,
    data: Data = None,
) -> None:
    """Say what differs, unit by unit and field by field; exit status 1 when anything does."""
    from cli.registry_exchange import compare  # noqa: PLC0415

    _run(compare(new, old, hub=hub, as_json=as_json, data=data))
