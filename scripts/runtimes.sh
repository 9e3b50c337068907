# Sourced: puts deno and bun on the PATH. Those of this machine are used; what is missing comes from npm into
# scripts/toolchain. Sets `root`.
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

fail() {
  echo "$(basename -- "$0"): $*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# Fetches both runtimes, at the versions the project is tested with, unless they are there.
fetch_runtimes() {
  toolchain=$root/scripts/toolchain
  PATH=$PATH:$toolchain/node_modules/.bin
  export PATH
  has deno && has bun && return
  has npm || fail "Cannot find deno, bun or npm: one of them is needed"
  (cd "$toolchain" && npm ci --no-audit --no-fund --loglevel=error >&2) || fail "Cannot install deno and bun by npm"
}

# Installs what package.json names, where it is not there yet.
fetch_packages() {
  [ -d "$root/node_modules/hono" ] && [ -d "$root/node_modules/fast-check" ] && return
  if has npm; then (cd "$root" && npm ci --no-audit --no-fund --loglevel=error >&2)
  elif has bun; then (cd "$root" && bun install --no-save --silent >&2)
  else (cd "$root" && deno install --frozen --quiet >&2)
  fi || fail "Cannot install the packages that package.json names"
}
