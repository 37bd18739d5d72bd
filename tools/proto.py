"""Generate gen/ from proto/, or say what is out of date: `python -m tools.proto [--check]`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tools.wire import ROOT, VALIDATE, compile_set, contracts, protoc

GEN = ROOT / "gen"


def generate(proto: Path, target: Path) -> None:
    """Write Python code and typing stubs for every contract into `target`."""
    names = contracts(proto)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        imports = folder / "imports.binpb"
        compiled = compile_set(proto, folder)
        serving = sorted(file.name for file in compiled.file if file.service and file.name in names)
        protoc(
            imports, proto, f"--python_out={target}", f"--mypy_out=quiet:{target}", *names, VALIDATE
        )
        if serving:
            protoc(
                imports,
                proto,
                f"--grpc_python_out={target}",
                f"--mypy_grpc_out=quiet:{target}",
                *serving,
            )
    for folder in sorted({path.parent for path in target.rglob("*.py*")}):
        for package in (folder, *folder.parents):
            if package == target:
                break
            (package / "__init__.py").touch()


def contents(folder: Path) -> dict[str, bytes]:
    """Return what `folder` holds, without Python's own caches."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(fresh: dict[str, bytes], committed: dict[str, bytes]) -> list[str]:
    """Return one line for each file that regenerating would add, change or remove."""
    return [
        f"{'missing' if name not in committed else 'stale' if name in fresh else 'left over'}: "
        f"gen/{name}"
        for name in sorted(fresh.keys() | committed.keys())
        if fresh.get(name) != committed.get(name)
    ]


def write(fresh: dict[str, bytes], target: Path) -> None:
    """Make `target` hold exactly `fresh`, touching only what differs."""
    committed = contents(target)
    for name in committed.keys() - fresh.keys():
        (target / name).unlink()
    for name, data in fresh.items():
        if committed.get(name) != data:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(data)


def main(arguments: list[str]) -> int:
    """Generate, or with `--check` only compare and return 1 when gen/ is out of date."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(ROOT / "proto", Path(scratch))
        fresh = contents(Path(scratch))
    found = differences(fresh, contents(GEN))
    if "--check" in arguments:
        print("\n".join(found) or f"gen/ is up to date: {len(fresh)} files")
        if found:
            print("gen/ does not match proto/: run `make proto` and commit both together")
        return 1 if found else 0
    write(fresh, GEN)
    print("\n".join(found) or f"gen/ was up to date: {len(fresh)} files")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
