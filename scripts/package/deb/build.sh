#!/bin/sh
# Makes a Debian package of an executable: sh scripts/package/deb/build.sh EXECUTABLE [FOLDER [FLAG OF dpkg-deb...]]
# It is for the architecture of the executable, and of the time of the last commit, or of SOURCE_DATE_EPOCH. DEBFULLNAME
# and DEBEMAIL are who answers for it.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$here/../../..
[ $# -gt 0 ] || { sed -n 's/^# //; 2p' "$0" >&2 && exit 2; }
executable=$1 folder=${2:-dist}
shift "$(($# < 2 ? $# : 2))"

fail() {
  echo "build.sh: Cannot package $executable: $*" >&2
  exit 1
}

case $(readelf -h "$executable" 2>/dev/null | sed -n 's/^ *Machine: *//p') in
  *X86-64*) architecture=amd64 ;;
  AArch64) architecture=arm64 ;;
  *) fail "it is for neither amd64 nor arm64" ;;
esac
needed=$(readelf -dW "$executable" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
case $needed in *musl*) fail "it is for musl, and Debian has glibc" ;; esac
# The newest version of glibc whose symbols it uses.
libc=$(readelf -VW "$executable" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1 | cut -d _ -f 2)
depends="adduser, libc6 (>= $libc)"
case $needed in *libgcc_s*) depends="$depends, libgcc-s1" ;; esac
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/package.json")
maintainer="${DEBFULLNAME:-the gate46 authors} <${DEBEMAIL:-gate46@users.noreply.github.com}>"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
export SOURCE_DATE_EPOCH

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree doc=$work/tree/usr/share/doc/gate46
sh "$root/scripts/package/documents.sh" "$work/documents"

put() { # FILE PATH [MODE]
  install -D -m "${3:-644}" "$1" "$tree/$2"
}

filled() { # FILE: with what is known of this package
  sed "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/; s/@DEPENDS@/$depends/; s/@DATE@/$date/; s/@SIZE@/${size:-}/
    s/@MAINTAINER@/$maintainer/" "$here/$1"
}

date=$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")
put "$executable" usr/bin/gate46 755
put "$here/gate46.toml" etc/gate46/gate46.toml
put "$work/documents/gate46.1" usr/share/man/man1/gate46.1
put "$work/documents/gate46.toml.5" usr/share/man/man5/gate46.toml.5
put "$work/documents/gate46.bash" usr/share/bash-completion/completions/gate46
put "$work/documents/gate46.fish" usr/share/fish/vendor_completions.d/gate46.fish
put "$work/documents/_gate46" usr/share/zsh/vendor-completions/_gate46
put "$root/scripts/gate46.example.toml" usr/share/doc/gate46/examples/gate46.example.toml
put "$root/scripts/gate46.schema.json" usr/share/gate46/gate46.schema.json
put "$root/scripts/deploy/grafana/gate46.json" usr/share/gate46/grafana/gate46.json
for name in alerts.yml prometheus.yml; do
  put "$root/scripts/deploy/prometheus/$name" "usr/share/gate46/prometheus/$name"
done
for name in pam ldap; do put "$root/scripts/deploy/auth/gate46-auth-$name" "usr/lib/gate46/gate46-auth-$name" 755; done
put "$root/CHANGELOG.md" usr/share/doc/gate46/changelog
put "$here/copyright" usr/share/doc/gate46/copyright
put "$work/documents/gate46.notices.txt" usr/share/doc/gate46/notices.txt
put "$here/lintian-overrides" usr/share/lintian/overrides/gate46
filled changelog >"$doc/changelog.Debian"
gzip -9n "$doc/changelog" "$doc/changelog.Debian" "$tree/usr/share/man/man1/gate46.1" \
  "$tree/usr/share/man/man5/gate46.toml.5"
# The unit is that of scripts/deploy but for paths and its user, who has a name here to whom secrets can be shown.
mkdir -p "$tree/usr/lib/systemd/system"
sed 's|^# /etc/systemd/system/gate46.socket, where|# Where|; s|In gate46.toml|systemctl enable --now gate46.socket, and in gate46.toml|' \
  "$root/scripts/deploy/systemd/gate46.socket" >"$tree/usr/lib/systemd/system/gate46.socket"
sed 's|^# /etc/systemd.*|# Of the package; systemctl edit gate46 changes it.|; s|/usr/local/bin|/usr/bin|; s|^DynamicUser=yes|User=gate46|
  s|^Documentation=.*|Documentation=man:gate46(1)|' "$root/scripts/deploy/systemd/gate46.service" \
  >"$tree/usr/lib/systemd/system/gate46.service"

mkdir "$tree/DEBIAN"
size=$(du -k -s --apparent-size "$tree" | cut -f 1)
filled control >"$tree/DEBIAN/control"
echo /etc/gate46/gate46.toml >"$tree/DEBIAN/conffiles"
(cd "$tree" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
for script in postinst prerm postrm; do put "$here/maintainer/$script" "DEBIAN/$script" 755; done
find "$tree" -type d -exec chmod 755 {} +
chmod -R u=rwX,go=rX "$tree"
mkdir -p "$folder"
deb=$folder/gate46_$version-1_$architecture.deb
# At its best xz would take a minute, for some megabytes less.
[ $# -gt 0 ] || set -- -Zgzip
dpkg-deb --root-owner-group "$@" --build "$tree" "$deb" >/dev/null
echo "$deb, $(($(wc -c <"$deb") / 1000000)) MB"
