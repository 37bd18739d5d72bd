"""Read the policy files once, at start: bytes, schema, references, typed values."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Hashable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import jsonschema
import yaml

from policies import parse
from policies.faults import Fault, PoliciesError
from policies.model import FileVersion, Policies
from policies.references import dangling

DATA = Path(__file__).parent / "data"
SCHEMAS = Path(__file__).parent / "schema"
SHIPPED_IF_MISSING = frozenset({"coverage"})
"""Files that came after the first version: a folder made for that one need not have them."""


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.1 without its surprises: `on` is a word, a date is text, a key stands once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# Only whole numbers, true and false are not text.
_StrictLoader.yaml_implicit_resolvers = {}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf")
)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^(?:0|[1-9][0-9]*)$"), list("0123456789")
)


@cache
def _validator(stem: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{stem}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def stems() -> tuple[str, ...]:
    """Return the policy files' names without suffix, sorted: one schema, one file."""
    return tuple(sorted(path.stem for path in SCHEMAS.glob("*.json")))


def load(directory: Path | None = None) -> Policies:
    """Return the policies in `directory`, or the ones shipped with the hub.

    Raises `PoliciesError`, which lists every fault with its file and path, never only the first.
    """
    where = DATA if directory is None else directory
    faults: list[Fault] = []
    documents: dict[str, Mapping[str, Any]] = {}
    versions: dict[str, FileVersion] = {}
    for stem in stems():
        path = where / f"{stem}.yaml"
        if stem in SHIPPED_IF_MISSING and not path.exists():
            path = DATA / path.name
        raw = _read(path, faults)
        document = None if raw is None else _document(stem, raw, faults)
        if raw is not None and document is not None:
            documents[stem] = document
            versions[stem] = FileVersion(document["version"], hashlib.sha256(raw).hexdigest())
    faults.extend(
        Fault(path.name, "$", "no such policy file is known")
        for path in sorted(where.glob("*.y*ml"))
        if path.suffix != ".yaml" or path.stem not in stems()
    )
    if faults:
        raise PoliciesError(faults)
    policies = parse.policies(documents, MappingProxyType(versions), _digest(versions), faults)
    if policies is not None:
        faults.extend(dangling(policies))
    if policies is None or faults:
        raise PoliciesError(faults)
    return policies


def _read(path: Path, faults: list[Fault]) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        faults.append(Fault(path.name, "$", f"cannot be read: {error.strerror}"))
        return None


def _document(stem: str, raw: bytes, faults: list[Fault]) -> Mapping[str, Any] | None:
    name = f"{stem}.yaml"
    try:
        document = yaml.load(raw, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader, made stricter
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        faults.append(Fault(name, "$", f"is not YAML: {' '.join(str(error).split())}"))
        return None
    found = [
        Fault(name, error.json_path, error.message)
        for error in _validator(stem).iter_errors(document)
    ]
    faults.extend(found)
    return None if found else document


def _digest(versions: Mapping[str, FileVersion]) -> str:
    whole = hashlib.sha256()
    for stem, read in sorted(versions.items()):
        whole.update(f"{stem} {read.digest}\n".encode())
    return whole.hexdigest()
