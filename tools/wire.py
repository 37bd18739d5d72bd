"""The contracts in proto/ as protoc sees them: where they are, how they compile, what they need.

No package ships `buf/validate/validate.proto` as text, but the protovalidate wheel carries its
descriptor, and protoc takes imports from a descriptor set as gladly as from files.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from google.protobuf import (
    any_pb2,
    descriptor_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.rpc import status_pb2
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parent.parent
VALIDATE = "buf/validate/validate.proto"
FOREIGN = (
    descriptor_pb2,
    any_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
    status_pb2,
)


def contracts(proto: Path) -> list[str]:
    """Return every contract below `proto`, as protoc names it, in a stable order."""
    return sorted(path.relative_to(proto).as_posix() for path in proto.rglob("*.proto"))


def write_imports(target: Path) -> None:
    """Write the descriptors our contracts may import: google's own and protovalidate's."""
    files = descriptor_pb2.FileDescriptorSet()
    for module in FOREIGN:
        files.file.add().ParseFromString(module.DESCRIPTOR.serialized_pb)
    files.file.add().ParseFromString(validate_pb.desc().proto.to_binary())
    target.write_bytes(files.SerializeToString())


def protoc(imports: Path, proto: Path, *arguments: str) -> None:
    """Run the pinned protoc; its complaints name file and line, so they go out unchanged."""
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"--descriptor_set_in={imports}",
        f"-I{proto}",
        *(f"--plugin={name}={Path(sys.executable).with_name(name)}" for name in PLUGINS),
        *arguments,
    ]
    if subprocess.run(command, check=False).returncode:  # noqa: S603 our own arguments
        raise SystemExit("protoc refused the contracts: see above")


# Named by path: the virtual environment need not be activated for them to be found.
PLUGINS = ("protoc-gen-mypy", "protoc-gen-mypy_grpc")


def compile_set(proto: Path, folder: Path) -> descriptor_pb2.FileDescriptorSet:
    """Compile all contracts below `proto` and return them with their imports and comments."""
    imports, image = folder / "imports.binpb", folder / "image.binpb"
    write_imports(imports)
    protoc(
        imports,
        proto,
        "--include_imports",
        "--include_source_info",
        f"--descriptor_set_out={image}",
        *contracts(proto),
        VALIDATE,
    )
    return descriptor_pb2.FileDescriptorSet.FromString(image.read_bytes())
