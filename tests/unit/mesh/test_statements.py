"""The INSERT that takes one array a column."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from mesh.database import insert_statement

thing = sa.Table(
    "thing",
    sa.MetaData(),
    sa.Column("thing_id", sa.Uuid),
    sa.Column("label", sa.Text),
    sa.Column("short", sa.String(3)),
    sa.Column("count", sa.SmallInteger),
    sa.Column("seen_at", sa.DateTime(timezone=True)),
    sa.Column("body", sa.LargeBinary),
    sa.Column("facts", JSONB),
    sa.Column("order", sa.Integer),
)


def test_every_column_is_one_array_of_its_type() -> None:
    statement = insert_statement(thing, ("thing_id", "count", "seen_at", "body"), "")
    assert " ".join(statement.split()) == (
        "INSERT INTO thing (thing_id, count, seen_at, body) SELECT * FROM unnest("
        "CAST(:thing_id AS UUID[]), CAST(:count AS SMALLINT[]),"
        " CAST(:seen_at AS TIMESTAMP WITH TIME ZONE[]), CAST(:body AS BYTEA[]))"
    )


def test_json_travels_as_text() -> None:
    assert "CAST(CAST(:facts AS text[]) AS jsonb[])" in insert_statement(thing, ("facts",), "")


def test_a_text_too_long_is_refused_by_the_server_and_not_cut() -> None:
    """An explicit cast to varchar(3) cuts in silence; an assignment to the column refuses."""
    statement = insert_statement(thing, ("short",), "")
    assert "VARCHAR(3)" not in statement
    assert "CAST(:short AS VARCHAR[])" in statement


def test_a_word_of_sql_can_name_a_column_or_a_table() -> None:
    case = sa.Table("case", sa.MetaData(), sa.Column("order", sa.Integer))
    assert insert_statement(case, ("order",), "").startswith('INSERT INTO "case" ("order")')


def test_the_tail_comes_last() -> None:
    tail = "ON CONFLICT (thing_id) DO NOTHING RETURNING thing_id"
    assert insert_statement(thing, ("thing_id",), tail).endswith(tail)


def test_the_text_is_the_same_for_any_number_of_rows_and_made_once() -> None:
    one = insert_statement(thing, ("label", "facts"), "")
    assert insert_statement(thing, ("label", "facts"), "") is one
