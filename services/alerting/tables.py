"""The tables of alerting. What it knows of a case is codes; of a person, nothing."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

Instant = sa.DateTime(timezone=True)


def _codes(name: str) -> sa.Column[object]:
    return sa.Column(name, JSONB, nullable=False)


def _word(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _one_of(column: str, *values: str) -> sa.CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return sa.CheckConstraint(f"{column} IN ({listed})", name=f"known_{column}")


# A case as alerting watches it. Its row is the lock under which everything about it is decided.
watch = sa.Table(
    "watch",
    metadata,
    sa.Column("case_id", sa.Uuid, primary_key=True),
    _word("reference"),
    _word("province"),
    _codes("problem_types"),
    _word("ess_cause"),
    _word("urgency"),
    sa.Column("silent", sa.Boolean, nullable=False),
    _codes("excluded"),
    sa.Column("reported_at", Instant, nullable=False),
    sa.Column("reached_at", Instant),
    sa.Column("closed_at", Instant),
    postgresql_with={"fillfactor": "90"},
)

holder = sa.Table(
    "holder",
    metadata,
    sa.Column("assignment_id", sa.Uuid, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False, index=True),
    _word("unit_id"),
    _word("agency"),
    _word("ministry"),
    _word("part"),
    _word("state"),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("requested_at", Instant, nullable=False),
)

# Derived from clock_event, which is the truth; kept so that nothing is replayed on the hot path.
clock = sa.Table(
    "clock",
    metadata,
    sa.Column("clock_id", sa.Uuid, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False, index=True),
    sa.Column("assignment_id", sa.Uuid),
    _word("step"),
    _word("frame_id"),
    _word("calendar"),
    sa.Column("budget_us", sa.BigInteger, nullable=False),
    _codes("warn"),
    sa.Column("used_us", sa.BigInteger, nullable=False),
    sa.Column("running_since", Instant),
    sa.Column("stopped_at", Instant),
    sa.Column("gen", sa.Integer, nullable=False),
    sa.Column("breached", sa.Boolean, nullable=False),
    sa.Index(
        "clock_on_hours",
        "calendar",
        "clock_id",
        postgresql_where=sa.text("running_since IS NOT NULL AND calendar <> '24x7'"),
    ),
    postgresql_with={"fillfactor": "90"},
)

clock_event = sa.Table(
    "clock_event",
    metadata,
    sa.Column("clock_id", sa.Uuid, primary_key=True),
    sa.Column("gen", sa.Integer, primary_key=True),
    sa.Column("at", Instant, nullable=False),
    _word("op"),
    _word("reason"),
    _word("frame_id"),
    _word("calendar"),
    sa.Column("budget_us", sa.BigInteger, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    _one_of("op", "start", "pause", "resume", "retarget", "recalendar", "stop"),
    sa.Index("clock_event_recorded", "recorded_at"),
)

# Every version of a calendar that a clock was ever held to: what was used is counted by the hours
# that held when it was used. A version is never changed.
calendar = sa.Table(
    "calendar",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    _codes("starts"),
    _codes("ends"),
    sa.Column("stored_at", Instant, nullable=False),
)

# The one next thing that time does to a clock or an alert. Only armed rows stand in the indexes
# that the sweeper reads.
deadline = sa.Table(
    "deadline",
    metadata,
    sa.Column("owner", sa.Uuid, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False),
    _word("purpose"),
    sa.Column("stage", sa.Integer, nullable=False),
    sa.Column("gen", sa.Integer, nullable=False),
    # The true instant.
    sa.Column("due_at", Instant, nullable=False),
    # 0 armed, 1 fired and decided, 2 disarmed, 3 fired and its fact recorded, not yet decided.
    sa.Column("state", sa.SmallInteger, nullable=False),
    sa.Column("fired_at", Instant),
    sa.Column(
        "shard", sa.SmallInteger, sa.Computed("(get_byte(uuid_send(case_id), 15) & 63)", True)
    ),
    # 0 goes first: an emergency never waits behind a backlog.
    sa.Column("rank", sa.SmallInteger, nullable=False, server_default="1"),
    # Where the sweeper finds it: the true instant, never below its shard's low-water mark.
    sa.Column("fires_at", Instant, nullable=False),
    # When the whole budget is used, whatever comes before; only for a clock.
    sa.Column("breach_at", Instant),
    sa.Index("deadline_armed", "shard", "fires_at", postgresql_where=sa.text("state = 0")),
    sa.Index("deadline_emergency", "fires_at", postgresql_where=sa.text("state = 0 AND rank = 0")),
    sa.Index("deadline_recorded", "rank", "due_at", postgresql_where=sa.text("state = 3")),
    sa.Index("deadline_recorded_of", "case_id", postgresql_where=sa.text("state = 3")),
    _one_of("purpose", "clock", "step", "repeat", "ack"),
    postgresql_with={
        "fillfactor": "90",
        "autovacuum_vacuum_scale_factor": "0.01",
        "autovacuum_vacuum_cost_delay": "0",
    },
)

# Below its mark a shard holds nothing armed, so nobody walks over what has been fired there. A mark
# is proposed first, and holds only when every transaction that could not see it has ended.
shard_cursor = sa.Table(
    "shard_cursor",
    metadata,
    sa.Column("shard", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("low_water", Instant, nullable=False),
    sa.Column("proposed", Instant, nullable=False),
    # Real time of the database.
    sa.Column("proposed_at", Instant, nullable=False),
)

# The fact of a breach with its true time, written by the statement that claims the deadline.
breach = sa.Table(
    "breach",
    metadata,
    sa.Column("clock_id", sa.Uuid, primary_key=True),
    sa.Column("gen", sa.Integer, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False, index=True),
    _word("step"),
    sa.Column("breached_at", Instant, nullable=False),
    sa.Column("observed_at", Instant, nullable=False),
)

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("alert_id", sa.Uuid, primary_key=True),
    sa.Column("case_id", sa.Uuid, nullable=False),
    _word("policy_id"),
    _codes("policy"),
    _word("policy_stamp"),
    _word("kind"),
    _word("cause"),
    _word("tier"),
    _word("ministry"),
    _word("unit_id"),
    _word("state"),
    sa.Column("breached_at", Instant, nullable=False),
    sa.Column("opened_at", Instant, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    sa.Column("acknowledged_at", Instant),
    _word("acknowledged_by"),
    _word("note"),
    sa.Column("resolved_at", Instant),
    _word("resolution"),
    sa.Column("snoozed_until", Instant),
    _one_of("state", "armed", "open", "acknowledged", "snoozed", "resolved"),
    _one_of("tier", "unit", "province", "ministry", "central"),
    sa.Index(
        "alert_once_open",
        "case_id", "policy_id", "cause", "tier", "ministry", "unit_id",
        unique=True,
        postgresql_where=sa.text("state <> 'resolved'"),
    ),
    sa.Index("alert_of_case", "case_id"),
    sa.Index("alert_newest", "opened_at", "alert_id"),
    sa.Index("alert_unanswered", "alert_id", postgresql_where=sa.text("state = 'open'")),
)  # fmt: skip

alert_event = sa.Table(
    "alert_event",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("alert_id", sa.Uuid, nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
    _word("what"),
    _word("actor"),
    _word("detail"),
)

STATUSES = (
    "waiting",  # held back by policy; `waits_for` says by what and `next_try_at` until when
    "pending",
    "sending",
    "sent",
    "delivered",
    "failed",
    "unknown",
    "cancelled",
    "bundled",  # its fate is that of `bundle_id`
)

# One message to one desk by one channel. Its id is its Message-ID: sent again, it is the same.
notification = sa.Table(
    "notification",
    metadata,
    sa.Column("notification_id", sa.Uuid, primary_key=True),
    sa.Column("alert_id", sa.Uuid, nullable=False),
    sa.Column("case_id", sa.Uuid, nullable=False),
    sa.Column("step", sa.Integer, nullable=False),
    sa.Column("round", sa.Integer, nullable=False),
    _word("recipient_id"),
    _word("channel"),
    _word("address"),
    # 0 goes first.
    sa.Column("rank", sa.SmallInteger, nullable=False),
    sa.Column("resend_unknown", sa.Boolean, nullable=False),
    _word("status"),
    sa.Column("status_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try_at", Instant, nullable=False),
    # Real time of the database, not the hub's: a lease is measured, not told.
    sa.Column("leased_until", Instant),
    sa.Column("history", JSONB, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    # Why it waits: `quiet_hours`, `bundle`, `throttle`; empty when it does not.
    sa.Column("waits_for", sa.Text, nullable=False, server_default=""),
    sa.Column("form", sa.Text, nullable=False, server_default="single"),
    # The message that speaks for it.
    sa.Column("bundle_id", sa.Uuid),
    # Of how many alerts this one message speaks.
    sa.Column("bundled", sa.Integer, nullable=False, server_default="1"),
    # When it was handed to the senders.
    sa.Column("released_at", Instant),
    sa.UniqueConstraint("alert_id", "round", "recipient_id", "channel", name="told_once"),
    sa.Index(
        "notification_waiting",
        "rank",
        "next_try_at",
        postgresql_where=sa.text("status = 'pending'"),
    ),
    sa.Index("notification_leased", "leased_until", postgresql_where=sa.text("status = 'sending'")),
    sa.Index("notification_held", "next_try_at", postgresql_where=sa.text("status = 'waiting'")),
    sa.Index(
        "notification_released",
        "recipient_id",
        "channel",
        "released_at",
        postgresql_where=sa.text("released_at IS NOT NULL"),
    ),
    sa.Index("notification_of_bundle", "bundle_id", postgresql_where=sa.text("status = 'bundled'")),
    _one_of("status", *STATUSES),
    _one_of("form", "single", "bundle", "digest"),
)

# That a process lives, by both clocks, and by which rules and directory it decides.
pulse = sa.Table(
    "pulse",
    metadata,
    sa.Column("process", sa.Text, primary_key=True),
    sa.Column("hub_at", Instant, nullable=False),
    # Real time of the database.
    sa.Column("real_at", Instant, nullable=False),
    _codes("facts"),
)

# What the auditor found when it last looked, by name; all zero is well.
reading = sa.Table(
    "reading",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("read_at", Instant, nullable=False),
    sa.Column("found", sa.Integer, nullable=False),
    _codes("sample"),
)

# Escalation policies as they were proposed and approved: by two persons, or not at all.
policy_version = sa.Table(
    "policy_version",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    _word("body"),
    _word("proposed_by"),
    sa.Column("proposed_at", Instant, nullable=False),
    sa.Column("approved_by", sa.Text),
    sa.Column("approved_at", Instant),
    sa.CheckConstraint("approved_by <> proposed_by", name="two_persons"),
    sa.CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved_whole"),
)

TRUTH = ("clock_event", "breach", "alert_event")
"""Tables that are only ever added to."""
