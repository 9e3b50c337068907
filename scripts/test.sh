#!/bin/sh
# Every check there is, under both runtimes, fetching what is missing: sh scripts/test.sh
# Ends with what had to be skipped and why, and the line "N passed, N failed, N skipped".
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root" || exit
. scripts/runtimes.sh
fetch_runtimes
fetch_packages
NO_COLOR=1 DENO_NO_UPDATE_CHECK=1
export NO_COLOR DENO_NO_UPDATE_CHECK
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0 skipped=0
: >"$work/skipped"
: >"$work/failures"

# One check that passes or fails as a whole; 3 means that it needs a download which cannot be had.
check() { # NAME COMMAND...
  name=$1
  shift
  "$@" >"$work/log" 2>&1
  case $? in
    0)
      echo "ok: $name"
      passed=$((passed + 1))
      ;;
    3)
      echo "skipped: $name: $(tail -n 1 "$work/log")" | tee -a "$work/skipped"
      skipped=$((skipped + 1))
      ;;
    *)
      cat "$work/log"
      echo "FAILED: $name" | tee -a "$work/failures"
      failed=$((failed + 1))
      ;;
  esac
}

# All test files under one runtime. What fails by the moment it ran at is told, and judged when its file runs again alone.
suite() { # NAME COMMAND...
  name=$1
  shift
  counted "$@" ./test
  files=$(sed -n 's/.*<testsuite name="\(\.\/\)*\(test\/[^"]*\)" .*failures="[1-9].*/.\/\2/p' "$work/report" 2>/dev/null)
  if [ "$f" -gt 0 ] && [ -n "$files" ] && [ "$(echo "$files" | wc -l)" -le 3 ]; then
    told "failed once, and its file ran again: $name" >>"$work/failures"
    first=$f others=$p without=$s
    # shellcheck disable=SC2086 # a word each
    counted "$@" $files
    p=$((others + first - f)) s=$without
  fi
  [ "$f" -eq 0 ] || told "FAILED: $name" >>"$work/failures"
  echo "$name: $p passed, $f failed, $((s)) skipped"
  passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# Runs tests and sets p, f and s. The JUnit report and the exit code are believed only together: a runner that dies on the
# way has exited with 0 before, and writes no report or one with errors.
counted() { # COMMAND...
  rm -f "$work/report"
  {
    limited "$@" 2>&1
    echo $? >"$work/code"
  } | tee "$work/log"
  grep -o 'skipped: .*' "$work/log" >>"$work/skipped"
  f=$(($(total failures) + $(total errors))) s=$(grep -o '<skipped' "$work/report" 2>/dev/null | wc -l)
  p=$(($(total tests) - f - s))
  if [ "$f" -eq 0 ] && [ "$(cat "$work/code")" -ne 0 ]; then
    echo "FAILED: it exited with $(cat "$work/code")"
    f=1
  fi
  if [ "$p" -le 0 ]; then
    echo "FAILED: it passed no test, or left no report"
    p=0
    [ "$f" -gt 0 ] || f=1
  fi
}

# What the log says of failures, cut short: Deno has it all at its end, Bun before the name of each test.
told() { # TITLE
  echo "$1"
  { sed -n '/^ ERRORS/,$p' "$work/log"; grep -B 25 '^(fail).*\]$' "$work/log"; } | grep -v '^(pass)' | head -c 6000
}

total() { # ATTRIBUTE of the whole report; 0 without one
  sed -n "s/.*<testsuites [^>]*$1=\"\([0-9]*\)\".*/\1/p" "$work/report" 2>/dev/null | grep . || echo 0
}

limited() { # COMMAND...: within forty minutes, where there is a way to say so
  if timeout --foreground 9 true 2>/dev/null; then timeout --foreground -k 9 2400 "$@"; else "$@"; fi
}

check "format" deno fmt --check
check "lint" deno lint
check "types" deno check --node-modules-dir=manual mod.ts src test scripts
check "layers" deno run -A --node-modules-dir=manual scripts/layers.ts
rm -f dist/gate46-bun dist/gate46-deno
check "compile with bun" sh compile.sh bun
check "compile with deno" sh compile.sh deno
GATE46_BINS=
for executable in "$root/dist/gate46-bun" "$root/dist/gate46-deno"; do
  [ -x "$executable" ] && GATE46_BINS="$GATE46_BINS $executable"
done
export GATE46_BINS
suite "deno test" deno test -A --quiet --no-check --node-modules-dir=manual --junit-path="$work/report"
suite "bun test" bun test --timeout 120000 --reporter=junit --reporter-outfile="$work/report"

sort -u "$work/skipped"
cat "$work/failures" # again, where they are found
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
