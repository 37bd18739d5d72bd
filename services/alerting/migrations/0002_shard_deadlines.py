"""Shards of deadlines with low-water marks, versions of calendars, waits, bundles and readings."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Every row below is written under the lock of its case's row in `watch`, and no row is ever
# deleted: these keys guarded nothing and cost a look-up a row on the hot path.
FOREIGN_KEYS = (
    ("holder", "case_id"),
    ("clock", "case_id"),
    ("clock_event", "clock_id"),
    ("deadline", "case_id"),
    ("alert", "case_id"),
    ("alert_event", "alert_id"),
    ("notification", "alert_id"),
)

STATEMENTS = """
ALTER TABLE deadline
    ADD COLUMN shard SMALLINT GENERATED ALWAYS AS (get_byte(uuid_send(case_id), 15) & 63) STORED,
    ADD COLUMN rank SMALLINT NOT NULL DEFAULT 1,
    ADD COLUMN fires_at TIMESTAMP WITH TIME ZONE;
UPDATE deadline SET fires_at = due_at;
ALTER TABLE deadline ALTER COLUMN fires_at SET NOT NULL;
DROP INDEX deadline_armed;
CREATE INDEX deadline_armed ON deadline (shard, fires_at) WHERE state = 0;
CREATE INDEX deadline_emergency ON deadline (fires_at) WHERE state = 0 AND rank = 0;
CREATE INDEX deadline_recorded ON deadline (rank, due_at) WHERE state = 3;
CREATE INDEX deadline_recorded_of ON deadline (case_id) WHERE state = 3;
CREATE TABLE shard_cursor (
    shard SMALLINT NOT NULL,
    low_water TIMESTAMP WITH TIME ZONE NOT NULL,
    proposed TIMESTAMP WITH TIME ZONE NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (shard)
);
INSERT INTO shard_cursor SELECT n, '-infinity', '-infinity', clock_timestamp()
    FROM generate_series(0, 63) AS n;
ALTER TABLE clock_event DROP CONSTRAINT known_op;
ALTER TABLE clock_event ADD CONSTRAINT known_op
    CHECK (op IN ('start', 'pause', 'resume', 'retarget', 'recalendar', 'stop'));
CREATE INDEX clock_event_recorded ON clock_event (recorded_at);
CREATE INDEX clock_on_hours ON clock (calendar, clock_id)
    WHERE running_since IS NOT NULL AND calendar <> '24x7';
CREATE TABLE calendar (
    key TEXT NOT NULL,
    starts JSONB NOT NULL,
    ends JSONB NOT NULL,
    stored_at TIMESTAMP WITH TIME ZONE NOT NULL,
    PRIMARY KEY (key)
);
ALTER TABLE alert ADD COLUMN snoozed_until TIMESTAMP WITH TIME ZONE;
ALTER TABLE alert DROP CONSTRAINT known_state;
ALTER TABLE alert ADD CONSTRAINT known_state
    CHECK (state IN ('armed', 'open', 'acknowledged', 'snoozed', 'resolved'));
CREATE INDEX alert_unanswered ON alert (alert_id) WHERE state = 'open';
ALTER TABLE notification
    ADD COLUMN waits_for TEXT NOT NULL DEFAULT '',
    ADD COLUMN form TEXT NOT NULL DEFAULT 'single',
    ADD COLUMN bundle_id UUID,
    ADD COLUMN bundled INTEGER NOT NULL DEFAULT 1,
    ADD COLUMN released_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE notification DROP CONSTRAINT known_status;
ALTER TABLE notification ADD CONSTRAINT known_status
    CHECK (status IN ('waiting', 'pending', 'sending', 'sent', 'delivered', 'failed', 'unknown',
        'cancelled', 'bundled'));
ALTER TABLE notification ADD CONSTRAINT known_form CHECK (form IN ('single', 'bundle', 'digest'));
CREATE INDEX notification_held ON notification (next_try_at) WHERE status = 'waiting';
CREATE INDEX notification_released ON notification (recipient_id, channel, released_at)
    WHERE released_at IS NOT NULL;
CREATE INDEX notification_of_bundle ON notification (bundle_id) WHERE status = 'bundled';
CREATE TABLE pulse (
    process TEXT NOT NULL,
    hub_at TIMESTAMP WITH TIME ZONE NOT NULL,
    real_at TIMESTAMP WITH TIME ZONE NOT NULL,
    facts JSONB NOT NULL,
    PRIMARY KEY (process)
);
CREATE TABLE reading (
    name TEXT NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    found INTEGER NOT NULL,
    sample JSONB NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE policy_version (
    digest TEXT NOT NULL,
    body TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    approved_by TEXT,
    approved_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (digest),
    CONSTRAINT two_persons CHECK (approved_by <> proposed_by),
    CONSTRAINT approved_whole CHECK ((approved_by IS NULL) = (approved_at IS NULL))
);
"""


def upgrade() -> None:
    """Add what clocks at a national size, and alerts with a life of their own, need."""
    for table, column in FOREIGN_KEYS:
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_{column}_fkey")
    for statement in STATEMENTS.split(";\n"):
        if statement.strip():
            op.execute(statement)
