"""A policy comes into force when two persons said so."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mesh.errors import FailedPreconditionError, NotFoundError, PermissionDeniedError
from services.alerting import activation
from tests.integration.alerting.office import Office


async def test_one_person_alone_brings_nothing_into_force(office: Office) -> None:
    now = office.clock.now()
    async with office.database.transaction() as tx:
        assert await activation.in_force(tx) is None
        digest = await activation.propose(tx, b"policies: []", by="officer-1", now=now)
    with pytest.raises(PermissionDeniedError):
        async with office.database.transaction() as tx:
            await activation.approve(tx, digest, by="officer-1", now=now)
    async with office.database.transaction() as tx:
        assert await activation.in_force(tx) is None
        await activation.approve(tx, digest, by="officer-2", now=now)
        assert await activation.in_force(tx) == digest


async def test_what_nobody_proposed_nobody_can_approve(office: Office) -> None:
    with pytest.raises(NotFoundError):
        async with office.database.transaction() as tx:
            await activation.approve(tx, "0" * 64, by="officer-2", now=office.clock.now())


async def test_an_engine_with_another_policy_is_not_ready(office: Office) -> None:
    office.clock.advance(timedelta(seconds=1))
    async with office.database.transaction() as tx:
        digest = await activation.propose(tx, b"other", by="officer-1", now=office.clock.now())
        await activation.approve(tx, digest, by="officer-2", now=office.clock.now())
    await activation.check(office.database, digest)()
    with pytest.raises(FailedPreconditionError):
        await activation.check(office.database, "another")()
