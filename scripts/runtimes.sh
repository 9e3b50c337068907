# Sourced, with `root` set. Those of deno and bun that this machine has are used; what is missing comes from the npm
# registry into scripts/toolchain, by npm or by the one runtime that is there.
# shellcheck shell=sh disable=SC2015,SC2154 # it is sourced
toolchain=$root/scripts/toolchain
PATH=$PATH:$toolchain/node_modules/.bin
export PATH

fail() {
  echo "$(basename -- "$0"): $*" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

install_in() { # FOLDER: what its package.json names
  cd "$1" || return
  if has npm; then npm ci --include=dev --no-audit --no-fund --no-update-notifier --loglevel=error
  elif has bun; then bun install --no-save --silent
  else deno install --frozen --quiet
  fi >&2
}

# Both runtimes, at the versions the project is tested with where they are not there.
fetch_runtimes() {
  has deno && has bun && return
  has npm || has deno || has bun || fail "Cannot find npm, deno or bun: one of them is needed"
  echo "Fetching deno and bun into scripts/toolchain" >&2
  (install_in "$toolchain") || fail "Cannot fetch deno and bun"
  deno --version >/dev/null 2>&1 && bun --version >/dev/null 2>&1 ||
    fail "Cannot run what was fetched into scripts/toolchain: does npm here leave out install scripts?"
}

# What package.json names, unless it is there and no older than package.json.
fetch_packages() {
  modules=$root/node_modules
  [ -d "$modules/hono" ] && [ -d "$modules/fast-check" ] && [ -z "$(find "$root/package.json" -newer "$modules")" ] &&
    return
  (install_in "$root") || fail "Cannot fetch the packages that package.json names"
  touch "$modules"
}

# Runs a script of this project on whichever runtime is there.
run() { # FILE [ARGUMENT...]
  if has bun; then bun --no-env-file "$@"; else deno run -A --quiet --node-modules-dir=manual "$@"; fi
}
