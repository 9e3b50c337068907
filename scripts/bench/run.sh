#!/bin/sh
# Measures the executables in dist/ beside microsocks, dante-server, haproxy and tinyproxy, in one run, in a network namespace of its own:
# sh scripts/bench/run.sh [ROUNDS]. Needs root, two cores, a C compiler, python3, and dist/ from compile.sh.
set -eu
cd -- "$(dirname -- "$0")"
root=$(CDPATH='' cd -- ../.. && pwd)
rounds=${1:-5}
results=$root/dist/bench.jsonl
rm -f "$results"
cc -O2 -Wall -o socksbench socksbench.c
proxies=microsocks,dante,haproxy-splice
set --
for runtime in bun deno; do
  program=$root/dist/gate46-$runtime
  [ -x "$program" ] || continue
  flags="--listen {addr} --allow 127.0.0.0/8 --allow ::1 --admin off --max-sessions 30000"
  proxies=$proxies,$runtime,$runtime-portable
  set -- "$@" --proxy "$runtime=$program $flags --workers 1" --proxy "$runtime-portable=$program $flags --engine portable"
done
for tests in down,rate,latency,udp beside4,beside64,beside512,beside-udp,beside-rate idle0,idle5000 idle9000 stalled500 cold1000 cold10000 \
  open100,open1000,open9000 udp-to1000,udp-from1000; do
  python3 compare.py "$@" --only "$proxies" --tests "$tests" --rounds "$rounds" --out "$results"
done
# HTTP CONNECT beside SOCKS, of the same program.
set --
names=tinyproxy
for runtime in bun deno; do
  program=$root/dist/gate46-$runtime
  [ -x "$program" ] || continue
  flags="--listen {addr} --allow 127.0.0.0/8 --admin off --max-sessions 30000 --workers 1"
  names=$names,$runtime,$runtime-http
  set -- "$@" --proxy "$runtime=$program $flags" --proxy "$runtime-http=$program $flags"
done
python3 compare.py "$@" --only "$names" --tests rate --rounds "$rounds" --label http --out "$results"
# With 1,000 rules that do not fit, and a log in a file; then with 1,000 users: beside the same program without.
work=$root/dist/bench
mkdir -p "$work"
awk 'BEGIN { for (i = 0; i < 1000; i++)
  printf "[[rules]]\naction = \"deny\"\nto = [\"10.%d.%d.0/24\"]\n", i / 256, i % 256 }' >"$work/rules.toml"
: >"$work/users"
with() { # SUFFIX [FLAG...]
  suffix=$1
  shift
  echo "$runtime$suffix=$program --listen {addr} --allow 127.0.0.0/8 --admin off --max-sessions 30000 --workers 1 $*"
}
set --
names='' asked=''
for runtime in bun deno; do
  program=$root/dist/gate46-$runtime
  [ -x "$program" ] || continue
  if [ ! -s "$work/users" ]; then
    line=$(echo secret | "$program" hash-password ann)
    awk -v line="$line" 'BEGIN { print line; sub(/^ann/, "", line); for (i = 1; i < 1000; i++) print "user" i line }' >"$work/users"
  fi
  names=${names:+$names,}$runtime,$runtime-rules,$runtime-json asked=${asked:+$asked,}$runtime-user,$runtime-users
  set -- "$@" --proxy "$(with "")" --proxy "$(with -rules --config "$work/rules.toml")" \
    --proxy "$(with -json --log-format json --log-file "$work/log.json")" \
    --proxy "$(with -user --user ann:secret)" --proxy "$(with -users --users-file "$work/users")"
done
python3 compare.py "$@" --only "$names" --tests rate --rounds "$rounds" --label "rules, log" --out "$results"
python3 compare.py "$@" --only "$asked" --tests rate --extra "-u ann:secret" --rounds "$rounds" --label users --out "$results"
python3 compare.py --report "$results"
