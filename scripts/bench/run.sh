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
for tests in down,rate,latency,udp beside4,beside64,beside512,beside-udp,beside-rate idle0,idle5000; do
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
python3 compare.py --report "$results"
