#!/bin/sh
# Print the supported Pythons of this machine, one of each version, newest first.
# A pyenv shim answers only for the version that is switched on, so each candidate is run.
found=
for minor in 13 12 11; do
    for python in "python3.$minor" "$HOME"/.pyenv/versions/3."$minor".*/bin/python3 python3 /usr/bin/python3; do
        real=$("$python" -c 'import sys; print(sys.executable, sys.version_info[1])' 2>/dev/null) || continue
        [ "${real##* }" = "$minor" ] || continue
        if ! "${real% *}" -c 'import venv, ensurepip' 2>/dev/null; then
            echo "${real% *} lacks its venv module: on Debian and Ubuntu, apt install python3.$minor-venv" >&2
            continue
        fi
        echo "${real% *}"
        found=yes
        break
    done
done
if [ -z "$found" ]; then
    echo "no Python 3.11, 3.12 or 3.13 with venv found: install one, or say make PYTHON=/path/to/python" >&2
    exit 1
fi
