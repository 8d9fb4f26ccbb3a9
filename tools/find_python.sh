#!/bin/sh
# Print the newest Python >= 3.11 of this machine, one that can create environments before one that cannot.
# With --explain PYTHON: say why that one cannot create environments and what to install, and fail.
set -u

if [ "${1-}" = --explain ]; then
    version=$("$2" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    echo "$2 (Python $version) cannot create virtual environments: its venv or ensurepip module is missing." >&2
    echo "On Debian and Ubuntu: apt-get install python$version-venv" >&2
    exit 1
fi

# Running a candidate is the only proof: version managers leave commands on PATH that start nothing.
second=
for candidate in python3.13 python3.12 python3.11 python3 python; do
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
        echo "$candidate"
        exit 0
    fi
    second=${second:-$candidate}
done
if [ -n "$second" ]; then
    echo "$second"
    exit 0
fi
echo "Verdigris needs Python 3.11 or newer, and none was found (tried python3.13, 3.12, 3.11, python3, python)." >&2
echo "On Debian 12 and newer: apt-get install python3 python3-venv" >&2
exit 1
