"""Run the auditor: `python -m services.alerting.auditor`."""

from __future__ import annotations

from directory.replica import Replica
from mesh import service
from mesh.service import Host
from policies import reader
from policies.calendar import open_hours
from services.alerting import calendars
from services.alerting.auditor.auditor import Auditor
from services.alerting.auditor.config import Settings
from services.alerting.domain.casefile import Rules


async def build(host: Host, settings: Settings) -> None:
    """Open the auditor's parts."""
    policies = reader.load(settings.policies_dir)
    hours, keys = calendars.versions(open_hours(policies))
    database = await host.database("alerting")
    directory = Replica(host.channel("registry"), host.clock, kept_in=settings.directory_file)
    host.spawn("directory", directory.run())

    def rules() -> Rules:
        return Rules(policies, hours, directory.current(), keys)

    auditor = Auditor(database, host.clock, rules, heartbeat_url=settings.heartbeat_url)
    host.spawn("auditor", auditor.run(every=settings.audit_seconds))


def main() -> None:
    """Read the settings and run."""
    settings = Settings()
    service.run("alerting-auditor", settings, lambda host: build(host, settings))


if __name__ == "__main__":
    main()
