"""The registry's own tables, as its migrations make them."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()

release = sa.Table(
    "release",
    metadata,
    sa.Column("version", sa.BigInteger),
    sa.Column("digest", sa.Text),
    sa.Column("unit_count", sa.Integer),
    sa.Column("released_at", sa.DateTime(timezone=True)),
    sa.Column("author", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("approved_by", sa.Text),
)

# One row for each version of a unit, from the release that brought it until the one that replaced
# it; the columns between are the fields of `directory.model.Unit`, in their order.
unit = sa.Table(
    "unit",
    metadata,
    sa.Column("since_version", sa.BigInteger),
    sa.Column("until_version", sa.BigInteger),
    sa.Column("id", sa.Text),
    sa.Column("external_ids", JSONB),
    sa.Column("name_th", sa.Text),
    sa.Column("name_en", sa.Text),
    sa.Column("agency", sa.Text),
    sa.Column("ministry", sa.Text),
    sa.Column("affiliation", sa.Text),
    sa.Column("unit_type", sa.Text),
    sa.Column("roles", JSONB),
    sa.Column("problem_types", JSONB),
    sa.Column("languages", JSONB),
    sa.Column("province", sa.Text),
    sa.Column("district", sa.Text),
    sa.Column("subdistrict", sa.Text),
    sa.Column("latitude", sa.Double),
    sa.Column("longitude", sa.Double),
    sa.Column("coverage", JSONB),
    sa.Column("hours", sa.Text),
    sa.Column("email", sa.Text),
    sa.Column("phone", sa.Text),
    sa.Column("parent", sa.Text),
    sa.Column("is_intake", sa.Boolean),
    sa.Column("adapter", sa.Text),
    sa.Column("tier", sa.Text),
    sa.Column("suspended", sa.Boolean),
    sa.Column("synthetic", sa.Boolean),
    sa.Column("target_groups", JSONB),
    sa.Column("valid_from", sa.Text),
    sa.Column("valid_until", sa.Text),
    sa.Column("affiliations", JSONB),
    sa.Column("capacity", JSONB),
    sa.Column("mandates", JSONB),
)

proposal = sa.Table(
    "proposal",
    metadata,
    sa.Column("id", sa.Uuid),
    sa.Column("digest", sa.Text),
    sa.Column("base_version", sa.BigInteger),
    sa.Column("unit_count", sa.Integer),
    sa.Column("units", sa.LargeBinary),
    sa.Column("author", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("proposed_at", sa.DateTime(timezone=True)),
)

duty_shift = sa.Table(
    "duty_shift",
    metadata,
    sa.Column("id", sa.Uuid),
    sa.Column("unit_id", sa.Text),
    sa.Column("officer", sa.Text),
    sa.Column("rank", sa.SmallInteger),
    sa.Column("contact", sa.Text),
    sa.Column("starts_at", sa.DateTime(timezone=True)),
    sa.Column("ends_at", sa.DateTime(timezone=True)),
    sa.Column("author", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("stated_at", sa.DateTime(timezone=True)),
    sa.Column("withdrawn_at", sa.DateTime(timezone=True)),
)
