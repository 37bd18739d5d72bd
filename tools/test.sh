#!/bin/sh
# Run the tests on every supported Python of this machine and say which those are. With arguments,
# these go to one run of pytest; without, all tests: small ones on every core, whole hubs one by one.
set -eu
cd "$(dirname "$0")/.."
pythons=$(sh tools/pythons.sh)
echo "Pythons found: $(echo "$pythons" | while read -r python; do "$python" --version; done | paste -sd, -)"

run_tests() {
    if [ $# -gt 1 ]; then
        python=$1
        shift
        "$python" -m pytest "$@"
        return
    fi
    "$1" -m pytest tests --ignore tests/e2e --numprocesses auto --dist loadfile || return
    "$1" -m pytest tests/e2e
}

failed=
# Line by line, for a folder may have a space in its name; the tests get no input.
while read -r python; do
    folder=$("$python" tools/setup.py --for tests --own </dev/null)
    echo "== $("$folder/bin/python" --version), $folder"
    run_tests "$folder/bin/python" "$@" </dev/null || failed="$failed $("$python" --version | cut -d' ' -f2)"
done <<END
$pythons
END
if [ -n "$failed" ]; then
    echo "tests failed on Python$failed" >&2
    exit 1
fi
