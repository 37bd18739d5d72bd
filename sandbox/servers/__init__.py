"""Real PostgreSQL and NATS from PyPI wheels, for one machine: the sandbox and the tests.

Never for production: the PostgreSQL wheel has no TLS and no ICU. SONGTOR_PG_BIN and
SONGTOR_NATS_BIN put a distribution's own builds in their place.
"""
