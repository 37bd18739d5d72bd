"""`buf lint` and `buf breaking` over proto/, without a network: `python -m tools.proto_lint`.

Breaking changes are judged against the contracts as they were committed before: the last commit on
main when the working tree differs from it, else the one before that, so that a clean clone
still checks its newest change. A change that must break says so in its commit message with a line
`Breaks-Wire: <why nobody is hurt>`, and is then the new ground.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2

from tools.wire import ROOT, compile_set, contracts

# buf's image is protoc's descriptor set plus its own field 8042 on each file: {is_import: true}.
IS_IMPORT = b"\xd2\xf6\x03\x02\x08\x01"
BUF = Path(sys.executable).with_name("buf")


def write_image(proto: Path, target: Path) -> None:
    """Compile `proto` to a buf image in which only our own files are linted."""
    own = set(contracts(proto))
    with tempfile.TemporaryDirectory() as scratch:
        compiled = compile_set(proto, Path(scratch))
    image = b""
    for file in compiled.file:
        data = file.SerializeToString() + (b"" if file.name in own else IS_IMPORT)
        wrapper = descriptor_pb2.FileDescriptorSet(file=[descriptor_pb2.FileDescriptorProto()])
        wrapper.file[0].ParseFromString(data)  # unknown fields are kept and written back
        image += wrapper.SerializeToString()  # repeated fields concatenate on the wire
    target.write_bytes(image)


def git(root: Path, *arguments: str) -> bytes:
    """Run git in the clone at `root` and return what it printed, or nothing if it failed."""
    # CI may own the clone with another user than the one who runs this.
    command = ["git", "-c", f"safe.directory={root}", "-C", str(root), *arguments]
    return subprocess.run(command, check=False, capture_output=True).stdout  # noqa: S603 our own


def baseline(root: Path) -> tuple[str | None, str]:
    """Return the commit to compare with, or None, and the reason in words."""
    refs = (
        r for r in ("main", "origin/main", "HEAD") if git(root, "rev-parse", "-q", "--verify", r)
    )
    ref = next(refs, None)
    if ref is None:
        return None, "this is not a git clone with a commit"
    commits = git(root, "log", "-2", "--format=%H", ref, "--", "proto").decode().split()
    if not commits:
        return None, f"no contract is committed on {ref} yet"
    newest = commits[0]
    untracked = git(root, "ls-files", "--others", "--exclude-standard", "--", "proto")
    if untracked or git(root, "diff", "--name-only", newest, "--", "proto"):
        return newest, f"the newest contracts on {ref}"
    reason = git(
        root, "log", "-1", "--format=%(trailers:key=Breaks-Wire,valueonly,separator=; )", newest
    )
    if reason.strip():
        return None, f"{newest[:9]} breaks the wire on purpose: {reason.decode().strip()}"
    if len(commits) == 1:
        return None, f"{newest[:9]} holds the first contracts"
    return commits[1], f"the contracts before {newest[:9]}"


def extract(commit: str, folder: Path) -> Path:
    """Write proto/ as it was in `commit` below `folder`."""
    with tarfile.open(fileobj=io.BytesIO(git(ROOT, "archive", commit, "proto"))) as archive:
        archive.extractall(folder, filter="data")
    return folder / "proto"


def buf(*arguments: str) -> int:
    """Run buf with the project's rules; what it finds goes straight to the terminal."""
    command = [str(BUF), *arguments, "--config", str(ROOT / "buf.yaml")]
    return subprocess.run(command, check=False, cwd=ROOT).returncode  # noqa: S603 our own


def main() -> int:
    """Lint, then compare; return non-zero if either found something."""
    if not contracts(ROOT / "proto"):
        raise SystemExit("proto/ holds no contract")
    with tempfile.TemporaryDirectory() as scratch:
        image, older = Path(scratch, "now.binpb"), Path(scratch, "before.binpb")
        write_image(ROOT / "proto", image)
        failed = buf("lint", str(image))
        commit, why = baseline(ROOT)
        if commit is None:
            print(f"buf lint: {'failed' if failed else 'clean'}; buf breaking: skipped, {why}")
            return failed
        before = extract(commit, Path(scratch))
        write_image(before, older)
        failed = buf("breaking", str(image), "--against", str(older)) or failed
        print(f"buf: {'failed' if failed else 'clean'}, against {why} ({commit[:9]})")
    return failed


if __name__ == "__main__":
    sys.exit(main())
