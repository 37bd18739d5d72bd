"""Which addresses are the sandbox's own, and not the agency's."""

from __future__ import annotations

from starlette.types import Scope

_OURS = ("/admin/", "/healthz", "/readyz")


def is_ours(scope: Scope) -> bool:
    """Whether a request is for the admin interface or a probe."""
    return str(scope["path"]).startswith(_OURS)
