"""What a registry command says when it is refused: fields and codes, on stderr."""

from __future__ import annotations

import sys
from collections.abc import Coroutine
from typing import Any

import grpc.aio

from cli.directories import NoRegistryError
from directory.exchange.rows import FileError
from directory.places.shapes import ShapesError
from mesh.errors import InvalidArgumentError, SongtorError


async def told(work: Coroutine[Any, Any, int]) -> int:
    """Run a command and return its exit status; a refusal is 1, said in lines."""
    try:
        return await work
    except SongtorError as error:
        refuse(error)
    except grpc.aio.AioRpcError as error:
        sys.stderr.write(f"{error.code().name}: {error.details()}\n")
    except (FileError, ShapesError, NoRegistryError) as error:
        sys.stderr.write(f"{error}\n")
    return 1


def refuse(error: SongtorError) -> None:
    """Print a refusal and every field it names."""
    sys.stderr.write(f"{error.reason}: {error.message}\n")
    if isinstance(error, InvalidArgumentError):
        for violation in error.violations:
            sys.stderr.write(f"  {violation.field}: {violation.reason}: {violation.description}\n")
