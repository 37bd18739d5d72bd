"""The `songtor` command. Each command imports what it needs itself, so that the others stay quick.

Exit codes: 0 done, 1 failed, 2 used wrongly. Data goes to stdout, talk to stderr.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import registry

app = typer.Typer(
    name="songtor",
    help="ส่งต่อ: the hub through which agencies hand people in crisis to each other.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
clock_app = typer.Typer(help="The sandbox's virtual clock.", no_args_is_help=True)
app.add_typer(clock_app, name="clock")
app.add_typer(registry.app, name="registry")
policy_app = typer.Typer(help="Escalation policies, before they run.", no_args_is_help=True)
app.add_typer(policy_app, name="policy")

PoliciesFolder = Annotated[
    Path | None, typer.Option("--policies", help="Folder of policy files; the shipped ones else.")
]
DatabaseAddress = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="SONGTOR_DATABASE_URL",
        help="postgresql+asyncpg:// address of alerting's role; better given by the environment.",
    ),
]
DirectoryFile = Annotated[
    Path | None,
    typer.Option("--directory", help="A directory that a service keeps; the sandbox's else."),
]

DataFolder = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder that keeps the hub's state; a temporary one when left out."
    ),
]


@app.command()
def up(
    data: DataFolder = None,
    demo: Annotated[bool, typer.Option("--demo", help="Play the demo, then keep serving.")] = False,
    pace: Annotated[
        float | None,
        typer.Option("--pace", min=0, help="Seconds that an agency takes for each step."),
    ] = None,
) -> None:
    """Run the whole hub on this machine until Ctrl-C."""
    from cli.up import run  # noqa: PLC0415

    raise typer.Exit(asyncio.run(run(data, demo=demo, pace=pace)))


@app.command()
def demo(data: DataFolder = None) -> None:
    """Play the demo and end; the exit status says whether every referral ended as it should."""
    from cli.demo import run  # noqa: PLC0415

    raise typer.Exit(asyncio.run(run(data)))


@app.command()
def status(data: DataFolder = None) -> None:
    """Say what runs, since when, how often it was started again, and where it answers."""
    from cli.status import run  # noqa: PLC0415

    raise typer.Exit(run(data))


@app.command()
def migrate() -> None:
    """Bring PostgreSQL and NATS to this version; settings come from the environment."""
    from cli import migrate as migrations  # noqa: PLC0415

    asyncio.run(migrations.run(migrations.Settings()))


@clock_app.command()
def advance(
    by: Annotated[str, typer.Argument(help="How far: 90s, 30m, 25h, 2d.")], data: DataFolder = None
) -> None:
    """Move the sandbox's clock forward, for every process at once."""
    from cli.clock import run  # noqa: PLC0415

    raise typer.Exit(run(by, data))


@policy_app.command("lint")
def policy_lint(policies: PoliciesFolder = None, directory: DirectoryFile = None) -> None:
    """Say what is wrong: paths that end, scopes too wide, desks with nobody in any province."""
    from cli import policy  # noqa: PLC0415

    raise typer.Exit(policy.lint(policies, directory))


@policy_app.command("simulate")
def policy_simulate(
    scenario: Annotated[Path, typer.Argument(help="A case and what is done about it, as JSON.")],
    policies: PoliciesFolder = None,
    directory: DirectoryFile = None,
) -> None:
    """Print who would be told what and when."""
    from cli import policy  # noqa: PLC0415

    raise typer.Exit(policy.simulate(scenario, policies, directory))


@policy_app.command("propose")
def policy_propose(
    file: Annotated[Path, typer.Argument(help="The escalation policies to bring into force.")],
    by: Annotated[str, typer.Option("--by", help="Who proposes it.")],
    database: DatabaseAddress,
) -> None:
    """Propose a policy file; it comes into force when another person approves it."""
    from cli import policy  # noqa: PLC0415

    work = policy.activate(database, file.read_bytes(), by=by, approving=False)
    raise typer.Exit(asyncio.run(work))


@policy_app.command("approve")
def policy_approve(
    file: Annotated[Path, typer.Argument(help="The very file that was proposed.")],
    by: Annotated[str, typer.Option("--by", help="Who approves it: not who proposed it.")],
    database: DatabaseAddress,
) -> None:
    """Approve a policy file that somebody else proposed."""
    from cli import policy  # noqa: PLC0415

    work = policy.activate(database, file.read_bytes(), by=by, approving=True)
    raise typer.Exit(asyncio.run(work))


def main() -> None:
    """Run the command line."""
    try:
        app()
    except KeyboardInterrupt:
        # Before a command has its own way to stop there is nothing to take down.
        sys.exit(130)


if __name__ == "__main__":
    main()
