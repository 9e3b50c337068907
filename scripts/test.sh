#!/bin/sh
# Every check there is, under both runtimes, fetching what is missing: sh scripts/test.sh
# Ends with what had to be skipped and a line "N passed, N failed, N skipped".
set -u
. "$(dirname -- "$0")/runtimes.sh"
cd "$root" || exit 1
fetch_runtimes
fetch_packages
NO_COLOR=1 DENO_NO_UPDATE_CHECK=1
export NO_COLOR DENO_NO_UPDATE_CHECK
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0 notes=

# One check that passes or fails as a whole.
check() { # NAME COMMAND...
  name=$1
  shift
  if "$@" >"$log" 2>&1; then
    echo "ok: $name"
    passed=$((passed + 1))
  else
    cat "$log"
    echo "FAILED: $name"
    failed=$((failed + 1))
  fi
}

skip() { # NAME REASON
  skipped=$((skipped + 1))
  notes="$notes
skipped: $1: $2"
}

number() { # PATTERN: the last number that stands before it in the log
  sed -n "s/.*[^0-9]\([0-9][0-9]*\) $1.*/\1/p" "$log" | tail -n 1 | grep . || echo 0
}

# All test files under one runtime; its closing line is believed only together with its exit code.
suite() { # NAME PASSED FAILED SKIPPED COMMAND...
  name=$1 p=$2 f=$3 s=$4
  shift 4
  "$@" >"$log" 2>&1
  code=$?
  cat "$log"
  sed -i 's/^/ /' "$log"
  p=$(number "$p") f=$(number "$f") s=$(number "$s")
  [ "$code" -ne 0 ] && [ "$f" -eq 0 ] && f=1
  [ "$p" -eq 0 ] && f=$((f + 1)) && echo "FAILED: $name ran no test"
  echo "$name: $p passed, $f failed, $s skipped"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  notes="$notes$(grep -ho 'skipped: .*' "$log" | sort -u | sed 's/^/\n/')"
}

check "format" deno fmt --check
check "lint" deno lint
check "types" deno check mod.ts src test scripts
check "layers" deno run -A scripts/layers.ts
check "compile with bun" sh compile.sh bun
[ -x dist/gate46-bun ] && GATE46_BINS=$PWD/dist/gate46-bun
if [ -n "${DENORT_BIN:-}" ]; then
  check "compile with deno" sh compile.sh deno
  [ -x dist/gate46-deno ] && GATE46_BINS="${GATE46_BINS:-} $PWD/dist/gate46-deno"
else
  skip "compile with deno" "DENORT_BIN names no denort, and fetching one needs Deno's download host"
fi
export GATE46_BINS
suite "deno test" passed failed ignored deno test -A --quiet test
suite "bun test" pass fail skip bun test --timeout 120000 ./test

[ -n "$notes" ] && echo "$notes"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
