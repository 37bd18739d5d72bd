#!/bin/sh
# Run the tests on every supported Python of this machine and say which those are.
set -eu
cd "$(dirname "$0")/.."
pythons=$(sh tools/pythons.sh)
echo "Pythons found: $(echo "$pythons" | while read -r python; do "$python" --version; done | paste -sd, -)"
failed=
# Line by line, for a folder may have a space in its name; the tests get no input.
while read -r python; do
    folder=$("$python" tools/setup.py --for tests --own </dev/null)
    echo "== $("$folder/bin/python" --version), $folder"
    "$folder/bin/python" -m pytest "$@" </dev/null || failed="$failed $("$python" --version | cut -d' ' -f2)"
done <<END
$pythons
END
if [ -n "$failed" ]; then
    echo "tests failed on Python$failed" >&2
    exit 1
fi
