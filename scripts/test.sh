#!/bin/sh
# Every check there is, under both runtimes, fetching what is missing: sh scripts/test.sh; --help tells what else it can do.
# Ends with what was skipped and why, and the line "N passed, N failed, N skipped".
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"
. scripts/runtimes.sh
fetch_runtimes
fetch_packages
NO_COLOR=1 DENO_NO_UPDATE_CHECK=1
export NO_COLOR DENO_NO_UPDATE_CHECK
run scripts/test/main.ts "$@"
