"""Every program of the hub on one machine: its module, its place in the order, its settings."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sandbox.hub import keys
from sandbox.hub.layout import Layout
from sandbox.ports import LOCALHOST
from sandbox.supervisor.plan import StopRank

CONSOLE_PORT = 8300
"""Preferred for the gateway; another free port when somebody has it."""
ADDRESSED = ("registry", "intake", "routing", "alerting")
REPLICAS = ("routing", "alerting")
"""The services that keep a copy of the directory."""
STOP_GRACE_SECONDS = 0.4
POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Program:
    """One Python process. It has two ports: what it serves, and its health pages."""

    name: str
    module: str
    rank: StopRank
    identity: tuple[str, str] | None = None
    """Kind and name in its certificate; None for what stands outside the hub."""
    schema: str = ""
    """Database schema of its own."""
    needs: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    late_settings: Callable[[], Mapping[str, str]] = dict
    """Settings that are known only once its needs are there."""
    one_port: bool = False
    """It answers /readyz where it serves."""
    preferred_port: int | None = None

    @property
    def port_names(self) -> tuple[str, ...]:
        """Return the names of its ports."""
        return (self.name,) if self.one_port else (self.name, f"{self.name}-health")


class Catalogue:
    """Makes the table of programs for one layout and one set of ports."""

    def __init__(self, layout: Layout, ports: Mapping[str, int]) -> None:
        self._layout = layout
        self._ports = ports

    def services(self) -> list[Program]:
        """Return the five services; the gateway is the edge and stops first."""
        told = self._addresses()
        return [
            self._service("registry"),
            self._service("intake", SONGTOR_KEYSET=str(self._layout.keyset)),
            self._service(
                "routing",
                SONGTOR_REGISTRY_ADDRESS=told["SONGTOR_REGISTRY_ADDRESS"],
                SONGTOR_DIRECTORY_FILE=str(self._layout.directory_copy("routing")),
            ),
            self._service(
                "alerting",
                SONGTOR_REGISTRY_ADDRESS=told["SONGTOR_REGISTRY_ADDRESS"],
                SONGTOR_ROUTING_ADDRESS=told["SONGTOR_ROUTING_ADDRESS"],
                SONGTOR_SMTP_SERVER=self._place("mailbox"),
                SONGTOR_CONSOLE_URL=self._url("gateway"),
                SONGTOR_DIRECTORY_FILE=str(self._layout.directory_copy("alerting")),
            ),
            Program(
                "gateway",
                "services.gateway",
                StopRank.GATEWAY,
                identity=("service", "gateway"),
                schema="gateway",
                needs=("migrations",),
                settings=told,
                preferred_port=CONSOLE_PORT,
            ),
        ]

    def adapters(self) -> list[Program]:
        """Return the five adapters, each told where its agency's system is."""
        secret = self._layout.secret
        return [
            self._adapter(
                "public_health",
                url=f"{self._url('standin-public_health')}/fhir/",
                secret=secret("public_health"),
            ),
            self._adapter("police", url=self._url("standin-police"), secret=secret("police")),
            self._adapter(
                "labour", url=f"{self._url('standin-labour')}/soap", secret=secret("labour")
            ),
            self._adapter(
                "msdhs",
                url=f"{self._url('standin-msdhs')}/api/v2",
                user="songtor",
                secret=secret("msdhs"),
            ),
            self._adapter(
                "ngo",
                url=self._url("standin-ngo"),
                secret=webhook_secret(self._layout),
            ),
        ]

    def standins(self) -> list[Program]:
        """Return the five agencies' systems and the mail server, which stand outside the hub."""
        secret = self._layout.secret
        return [
            self._standin("public_health", SONGTOR_STANDIN_TOKEN=secret("public_health")),
            self._standin(
                "police",
                SONGTOR_STANDIN_TOKEN=secret("police"),
                SONGTOR_STANDIN_PUSH_URL=f"{self._url('adapter-police')}/eido",
                SONGTOR_STANDIN_PUSH_TOKEN=secret("police-callback"),
            ),
            self._standin("labour", SONGTOR_STANDIN_TOKEN=secret("labour")),
            self._standin(
                "msdhs",
                SONGTOR_STANDIN_PASSWORD=secret("msdhs"),
                SONGTOR_STANDIN_SECRET=secret("msdhs-tokens"),
                SONGTOR_STANDIN_PUSH_URL=f"{self._url('adapter-msdhs')}/primero",
                SONGTOR_STANDIN_PUSH_TOKEN=secret("msdhs-callback"),
            ),
            self._standin(
                "ngo",
                needs=("keys",),
                late_settings=lambda: {"SONGTOR_STANDIN_API_KEY": keys.read(self._layout, "ngo")},
                SONGTOR_STANDIN_WEBHOOK_SECRET=webhook_secret(self._layout),
                SONGTOR_STANDIN_GATEWAY_URL=self._url("gateway"),
            ),
            self.mailbox(),
        ]

    def mailbox(self) -> Program:
        """Return the desks' mail server."""
        return Program(
            "mailbox",
            "sandbox.mailbox",
            StopRank.EDGE,
            settings={"SONGTOR_MAILBOX_FILE": str(self._layout.mail)},
        )

    def environment(self, program: Program) -> dict[str, str]:
        """Return everything that a program is told."""
        told = {
            "SONGTOR_ENV": "sandbox",
            "SONGTOR_LISTEN": self._place(program.name),
            "SONGTOR_CLOCK_FILE": str(self._layout.clock),
            "SONGTOR_STOP_GRACE_SECONDS": str(STOP_GRACE_SECONDS),
        }
        if not program.one_port:
            told["SONGTOR_HEALTH_LISTEN"] = self._place(f"{program.name}-health")
        if program.identity is not None:
            kind, name = program.identity
            told["SONGTOR_IDENTITY_DIR"] = str(self._layout.identities / f"{kind}-{name}")
            told["SONGTOR_NATS_URL"] = f"tls://{self._place('nats')}"
        if program.schema:
            told["SONGTOR_DATABASE_URL"] = self.database_url(program.schema)
        return told | dict(program.settings) | dict(program.late_settings())

    def database_url(self, schema: str) -> str:
        """Return the address of the database under a schema's own role."""
        role = f"songtor_{schema}:{self._layout.password(schema)}"
        return f"postgresql+asyncpg://{role}@{self._place('postgres')}/songtor"

    def _service(self, name: str, **settings: str) -> Program:
        follows = ("directory-copies",) if name in REPLICAS else ()
        return Program(
            name,
            f"services.{name}",
            StopRank.SERVICE,
            identity=("service", name),
            schema=name,
            needs=("migrations", *follows),
            settings=settings,
        )

    def _adapter(self, agency: str, *, url: str, secret: str, user: str = "") -> Program:
        return Program(
            f"adapter-{agency}",
            f"adapters.{agency}",
            StopRank.EDGE,
            identity=("adapter", agency),
            schema=f"adapter_{agency}",
            needs=("migrations",),
            settings={
                "SONGTOR_AGENCY_URL": url,
                "SONGTOR_AGENCY_USER": user,
                "SONGTOR_AGENCY_SECRET": secret,
                "SONGTOR_CALLBACK_URL": self._url(f"adapter-{agency}"),
                "SONGTOR_CALLBACK_SECRET": self._layout.secret(f"{agency}-callback"),
                "SONGTOR_POLL_SECONDS": str(POLL_SECONDS),
            },
        )

    def _standin(
        self,
        agency: str,
        *,
        needs: tuple[str, ...] = (),
        late_settings: Callable[[], Mapping[str, str]] = dict,
        **settings: str,
    ) -> Program:
        return Program(
            f"standin-{agency}",
            f"sandbox.standins.{agency}",
            StopRank.EDGE,
            needs=needs,
            settings={
                "SONGTOR_STANDIN_DATA": str(self._layout.standins),
                "SONGTOR_STANDIN_SCRIPT": str(self._layout.script),
                **settings,
            },
            late_settings=late_settings,
            one_port=True,
        )

    def _addresses(self) -> dict[str, str]:
        return {f"SONGTOR_{name.upper()}_ADDRESS": self._place(name) for name in ADDRESSED}

    def _place(self, port: str) -> str:
        return f"{LOCALHOST}:{self._ports[port]}"

    def _url(self, port: str) -> str:
        return f"http://{self._place(port)}"


def webhook_secret(layout: Layout) -> str:
    """Return the foundation's webhook secret in the form of Standard Webhooks."""
    return f"whsec_{base64.b64encode(layout.secret('ngo').encode()).decode()}"
