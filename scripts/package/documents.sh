#!/bin/sh
# Writes the man pages, the shell completions and the licences of the bundled packages into a folder: sh scripts/package/documents.sh FOLDER
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/scripts/runtimes.sh"
mkdir -p "$1"
folder=$(CDPATH='' cd -- "$1" && pwd)
cd "$root"
has bun || has deno || fetch_runtimes
fetch_packages

run scripts/package/man.ts >"$folder/gate46.1"
run scripts/package/man_file.ts >"$folder/gate46.toml.5"
run scripts/package/notices.ts >"$folder/gate46.notices.txt"
run mod.ts completion bash >"$folder/gate46.bash"
run mod.ts completion fish >"$folder/gate46.fish"
run mod.ts completion zsh >"$folder/_gate46"
