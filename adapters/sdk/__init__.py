"""The SDK: an adapter translates; everything else (retry, order, once, quarantine) is done here.

An adapter imports from this package alone:

    from adapters.sdk import Delivery, PermanentError, Receipt, Update, run
"""

from __future__ import annotations

from adapters.sdk.adapter import Adapter, Inbound, Page
from adapters.sdk.config import AdapterSettings
from adapters.sdk.errors import NotSupportedError, PermanentError, TransientError, UnknownError
from adapters.sdk.http import AgencyClient
from adapters.sdk.model import (
    Action,
    Delivery,
    DeliveryKind,
    Person,
    Receipt,
    SafeContact,
    Strange,
    Update,
)
from adapters.sdk.process import run

__all__ = [
    "Action",
    "Adapter",
    "AdapterSettings",
    "AgencyClient",
    "Delivery",
    "DeliveryKind",
    "Inbound",
    "NotSupportedError",
    "Page",
    "PermanentError",
    "Person",
    "Receipt",
    "SafeContact",
    "Strange",
    "TransientError",
    "UnknownError",
    "Update",
    "run",
]
