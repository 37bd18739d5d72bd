"""Become another program that cannot outlive its parent.

Run as a script, by path, in front of the real command:

    python -I -S leash.py SIGNAL PARENT_PID UID GID command ...

A parent that dies by SIGKILL cannot stop its children, so each child asks the kernel to signal it
when the parent goes. It is a program and not a `preexec_fn` because Python code between fork and
exec is unsafe (and from 3.12 on warned about) as soon as the parent has a second thread. It drops
to UID and GID itself (-1: stay), because that user need not be able to reach this interpreter.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    death_signal, parent, uid, gid = (int(word) for word in argv[:4])
    if gid >= 0:
        os.setgroups([])
        os.setgid(gid)
    if uid >= 0:
        os.setuid(uid)
    if sys.platform == "linux":
        # After setuid: a change of credentials clears the request.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal)
        if os.getppid() != parent:  # it died before we asked
            os.kill(os.getpid(), death_signal)
    os.execvp(argv[4], argv[4:])  # noqa: S606  (the command is the supervisor's own)


if __name__ == "__main__":
    main(sys.argv[1:])
