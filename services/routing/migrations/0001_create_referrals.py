"""Cases as routing knows them, referrals, assignments, decisions, deliveries, milestones."""

from __future__ import annotations

from alembic import op

from mesh.tables import APPEND_ONLY, append_only, create_plumbing

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# No foreign keys: one transaction writes a case with its referrals, nothing is ever deleted, and a
# check a row costs as much as the row. `open` and `next_offer_at` carry the partial indexes so that
# a change of state alone touches none of them.
TABLES = (
    """
    CREATE TABLE routed_case (
        case_id uuid PRIMARY KEY,
        reference text NOT NULL,
        province_code text NOT NULL,
        sender text NOT NULL,
        hears text NOT NULL,
        reported_at timestamptz NOT NULL,
        routed_at timestamptz NOT NULL,
        facts bytea NOT NULL
    )
    """,
    """
    CREATE TABLE referral (
        referral_id uuid PRIMARY KEY,
        case_id uuid NOT NULL,
        problem_type text NOT NULL,
        track smallint NOT NULL,
        part text NOT NULL CHECK (part IN ('lead', 'supporting')),
        state text NOT NULL CHECK (state IN ('draft', 'active', 'on_hold', 'completed', 'revoked',
            'entered_in_error')),
        opened_at timestamptz NOT NULL,
        state_at timestamptz NOT NULL,
        UNIQUE (case_id, problem_type, track)
    )
    """,
    """
    CREATE TABLE assignment (
        assignment_id uuid PRIMARY KEY,
        referral_id uuid NOT NULL,
        case_id uuid NOT NULL,
        problem_type text NOT NULL,
        track smallint NOT NULL,
        part text NOT NULL,
        unit_id text NOT NULL,
        agency text NOT NULL,
        adapter text NOT NULL,
        ministry text NOT NULL,
        unit_province text NOT NULL,
        province_code text NOT NULL,
        state text NOT NULL CHECK (state IN ('draft', 'requested', 'received', 'accepted',
            'in_progress', 'on_hold', 'cancel_requested', 'declined', 'completed', 'failed',
            'cancelled', 'transferred', 'entered_in_error')),
        state_before text,
        open boolean NOT NULL,
        version integer NOT NULL,
        rule text NOT NULL,
        replaces uuid,
        may_decline boolean NOT NULL,
        reason_code text NOT NULL,
        requested_at timestamptz NOT NULL,
        state_at timestamptz NOT NULL,
        acted_at timestamptz,
        held smallint NOT NULL
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX assignment_of_case ON assignment (case_id)",
    """
    CREATE INDEX work_of_unit ON assignment (unit_id, requested_at, assignment_id) WHERE open
    """,
    """
    CREATE INDEX work_of_agency ON assignment (agency, requested_at, assignment_id) WHERE open
    """,
    """
    CREATE INDEX work_of_province ON assignment (province_code, requested_at, assignment_id)
        WHERE open
    """,
    # One assignment at a time in a referral: a second one is a defect, not a choice.
    "CREATE UNIQUE INDEX one_open_assignment ON assignment (referral_id) WHERE open",
    """
    CREATE TABLE assignment_change (
        assignment_id uuid NOT NULL,
        version integer NOT NULL,
        state_from text NOT NULL,
        state_to text NOT NULL,
        action text NOT NULL,
        role text NOT NULL,
        agency text NOT NULL,
        actor text NOT NULL,
        reason_code text NOT NULL,
        outcomes jsonb NOT NULL,
        unconfirmed boolean NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (assignment_id, version)
    )
    """,
    """
    CREATE TABLE data_version (
        versions_id uuid PRIMARY KEY,
        registry_version bigint NOT NULL,
        registry_digest text NOT NULL,
        policy_digest text NOT NULL,
        policy_versions jsonb NOT NULL
    )
    """,
    # `decision_id` is the assignment it made; one that found nobody has an id of its own.
    """
    CREATE TABLE decision (
        decision_id uuid PRIMARY KEY,
        referral_id uuid NOT NULL,
        rule text NOT NULL,
        reason text NOT NULL,
        candidates jsonb NOT NULL,
        fallback_chain jsonb NOT NULL,
        question jsonb NOT NULL,
        versions_id uuid NOT NULL,
        decided_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE milestone (
        referral_id uuid NOT NULL,
        kind text NOT NULL,
        assignment_id uuid NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor text NOT NULL,
        how text NOT NULL,
        PRIMARY KEY (referral_id, kind, assignment_id)
    )
    """,
    "CREATE UNIQUE INDEX reached_once ON milestone (referral_id) WHERE kind = 'reached'",
    """
    CREATE TABLE case_counter (
        case_id uuid NOT NULL,
        agency text NOT NULL,
        last integer NOT NULL,
        PRIMARY KEY (case_id, agency)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE TABLE delivery (
        delivery_id uuid PRIMARY KEY,
        assignment_id uuid NOT NULL,
        case_id uuid NOT NULL,
        agency text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('offer', 'cancel', 'status')),
        status text NOT NULL,
        case_seq integer NOT NULL,
        state text NOT NULL CHECK (state IN ('created', 'sent', 'received', 'finalized', 'nacked',
            'parked', 'replayed')),
        created_at timestamptz NOT NULL,
        state_at timestamptz NOT NULL,
        next_offer_at timestamptz,
        offers smallint NOT NULL,
        reason_code text NOT NULL,
        agency_record_id text NOT NULL,
        UNIQUE (case_id, agency, case_seq)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE INDEX delivery_to_offer ON delivery (next_offer_at) WHERE next_offer_at IS NOT NULL
    """,
    """
    CREATE TABLE held_update (
        update_id uuid PRIMARY KEY,
        assignment_id uuid NOT NULL,
        agency text NOT NULL,
        payload bytea NOT NULL,
        waiting boolean NOT NULL,
        outcome text NOT NULL CHECK (outcome IN ('', 'applied', 'ignored', 'refused')),
        received_at timestamptz NOT NULL,
        alarm_at timestamptz
    )
    """,
    "CREATE INDEX held_for ON held_update (assignment_id) WHERE waiting",
    "CREATE INDEX held_too_long ON held_update (alarm_at) WHERE alarm_at IS NOT NULL",
    """
    CREATE TABLE act_key (
        agency text NOT NULL,
        idempotency_key text NOT NULL,
        digest bytea NOT NULL,
        answer bytea NOT NULL,
        acted_at timestamptz NOT NULL,
        PRIMARY KEY (agency, idempotency_key)
    )
    """,
)


def upgrade() -> None:
    create_plumbing(op)
    for statement in TABLES:
        op.execute(statement)
    append_only(op, *APPEND_ONLY, "decision", "data_version", "assignment_change", "act_key")
