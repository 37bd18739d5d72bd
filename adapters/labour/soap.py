"""The contract as zeep reads it: messages out, answers in. The HTTP client is the SDK's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zeep
from lxml import etree
from zeep.exceptions import Error, Fault

from adapters.sdk import PermanentError, UnknownError

_CONTRACT = Path(__file__).with_name("contract") / "referral.wsdl"
_NAMESPACE = "urn:songtor:labour:referral:1"


@dataclass(frozen=True, slots=True)
class _Answer:
    """What zeep looks at in an HTTP answer."""

    status_code: int
    content: bytes
    headers: dict[str, str]
    encoding: str = "utf-8"


class Soap:
    """Writes requests and reads answers by the published WSDL. Entities are never expanded."""

    def __init__(self) -> None:
        settings = zeep.Settings(
            strict=True, forbid_dtd=True, forbid_entities=True, forbid_external=True
        )
        self._client: Any = zeep.Client(str(_CONTRACT), settings=settings)  # type: ignore[no-untyped-call]
        self._binding: Any = self._client.service._binding  # noqa: SLF001 - zeep's documented way

    def request(self, operation: str, fields: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
        """Return the envelope of a request and its headers."""
        message = self._client.create_message(self._client.service, operation, **fields)
        headers = {
            "Content-Type": "text/xml; charset=utf-8",
            "SOAPAction": f'"{_NAMESPACE}#{operation}"',
        }
        return etree.tostring(message, xml_declaration=True, encoding="utf-8"), headers

    def answer(self, operation: str, status: int, content: bytes) -> Any:
        """Return what an answer holds.

        Raises PermanentError for a fault of ours (its code), UnknownError for one of theirs and
        for whatever is not an answer.
        """
        answer = _Answer(status, content, {"Content-Type": "text/xml"})
        try:
            return self._binding.process_reply(self._client, self._binding.get(operation), answer)
        except Fault as fault:
            code = _code(fault)
            if str(fault.code).rpartition(":")[2] == "Client":
                raise PermanentError(code) from None
            raise UnknownError(code) from None
        except (Error, etree.LxmlError, ValueError, TypeError, AttributeError):
            # Whatever it is, it is not an answer by the contract.
            raise UnknownError("NOT_AN_ANSWER") from None


def _code(fault: Fault) -> str:
    """Return the code of a fault's typed detail; its text may hold a person's data."""
    detail: Any = fault.detail
    found = None if detail is None else detail.findtext(f".//{{{_NAMESPACE}}}code")
    code = str(found or "")
    return code if code.isascii() and code.replace("_", "").isalnum() else "FAULT"
