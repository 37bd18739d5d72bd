"""SOAP 1.1 envelopes by the published contract: read with entities off, checked by its schema."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from lxml import etree

ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
NAMESPACE = "urn:songtor:labour:referral:1"
# The contract is public: the stand-in reads the file that the hub's side publishes, as any ministry
# would, and shares no code with it.
CONTRACT = Path(__file__).resolve().parents[3] / "adapters" / "labour" / "contract"

Element: TypeAlias = etree._Element  # noqa: SLF001 - lxml has no public name for it
Value: TypeAlias = "str | Mapping[str, Value] | Sequence[Mapping[str, Value]]"


class FaultError(Exception):
    """What is answered as a SOAP fault; `whose` is Client or Server."""

    def __init__(self, code: str, message: str, *, whose: str = "Client") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.whose = whose


def schema() -> etree.XMLSchema:
    """Return the contract's schema."""
    return etree.XMLSchema(etree.parse(str(CONTRACT / "referral.xsd")))


def wsdl(address: str) -> bytes:
    """Return the contract with the address at which it is served."""
    text = (CONTRACT / "referral.wsdl").read_text(encoding="utf-8")
    return text.replace("http://localhost/soap/referral", address).encode()


def open_envelope(body: bytes, checked_by: etree.XMLSchema) -> Element:
    """Return the one element in the Body, once it is what the contract says."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as error:
        raise FaultError("INVALID", f"not well-formed XML: {error.msg}") from None
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise FaultError("INVALID", "a document type declaration is not allowed in SOAP")
    if root.tag != f"{{{ENVELOPE}}}Envelope":
        raise FaultError("INVALID", "not a SOAP 1.1 envelope")
    inside = root.find(f"{{{ENVELOPE}}}Body")
    if inside is None or len(inside) != 1:
        raise FaultError("INVALID", "the Body holds exactly one element")
    message = inside[0]
    if not checked_by.validate(message):
        raise FaultError("INVALID", _first_error(checked_by))
    return message


def _first_error(checked_by: etree.XMLSchema) -> str:
    log: Any = checked_by.error_log
    return str(log[0].message)


def operation_of(message: Element) -> str:
    """Return the name of the operation that a message asks for."""
    return etree.QName(message).localname


def canonical(message: Element) -> str:
    """Return the message so that two spellings of the same content are equal."""
    return json.dumps(_plain(message), ensure_ascii=False)


def _plain(element: Element) -> list[Any]:
    children = [_plain(child) for child in element]
    return [etree.QName(element).localname, children or (element.text or "").strip()]


def text_of(message: Element, path: str) -> str:
    """Return the text at a path of local names, or nothing."""
    full = "/".join(f"{{{NAMESPACE}}}{name}" for name in path.split("/"))
    return (message.findtext(full) or "").strip()


def envelope(name: str, fields: Mapping[str, Value]) -> bytes:
    """Return an envelope with one message; empty strings are left out."""
    root, inside = _empty()
    _fill(etree.SubElement(inside, f"{{{NAMESPACE}}}{name}"), fields)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def fault(error: FaultError) -> bytes:
    """Return an envelope with a fault and its typed detail."""
    root, inside = _empty()
    element = etree.SubElement(inside, f"{{{ENVELOPE}}}Fault")
    etree.SubElement(element, "faultcode").text = f"soap:{error.whose}"
    etree.SubElement(element, "faultstring").text = error.message
    detail = etree.SubElement(element, "detail")
    fields = {"code": error.code, "message": error.message}
    _fill(etree.SubElement(detail, f"{{{NAMESPACE}}}ReferralFault"), fields)
    return etree.tostring(root, xml_declaration=True, encoding="utf-8")


def _empty() -> tuple[Element, Element]:
    root = etree.Element(f"{{{ENVELOPE}}}Envelope", nsmap={"soap": ENVELOPE, "r": NAMESPACE})
    return root, etree.SubElement(root, f"{{{ENVELOPE}}}Body")


def _fill(parent: Element, fields: Mapping[str, Value]) -> None:
    for name, value in fields.items():
        for each in _each(value):
            child = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
            if isinstance(each, str):
                child.text = each
            else:
                _fill(child, each)


def _each(value: Value) -> Iterable[str | Mapping[str, Value]]:
    if isinstance(value, str):
        return [value] if value else []
    return [value] if isinstance(value, Mapping) else value
