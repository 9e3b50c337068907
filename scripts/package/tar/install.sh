#!/bin/sh
# Installs gate46 from this folder, or takes it away: sh install.sh [--root DIR] [--prefix DIR] [--uninstall [--purge]]
# PREFIX is /usr/local. All that is put there is listed in PREFIX/share/gate46/files. The configuration in /etc/gate46 is
# made where there is none, and only --purge takes it away. Where systemd or OpenRC is, it gets a service, which is for
# you to start.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root='' prefix=/usr/local action=install
while [ $# -gt 0 ]; do
  case $1 in
    --root) root=$2 && shift ;;
    --prefix) prefix=$2 && shift ;;
    --uninstall) action=uninstall ;;
    --purge) action=purge ;;
    *) sed -n 's/^# //; 2p' "$0" >&2 && exit 2 ;;
  esac
  shift
done
list=$root$prefix/share/gate46/files

put() { # FILE PATH [MODE]
  mkdir -p "$(dirname "$root$2")"
  # A program that runs keeps its file: the new one is put in its place.
  cp "$here/$1" "$root$2.new"
  chmod "${3:-644}" "$root$2.new"
  mv "$root$2.new" "$root$2"
  echo "$2" >>"$list"
}

service() { # the paths of a unit or a script, on standard output
  sed "s|/usr/local/bin|$prefix/bin|" "$here/$1"
}

if [ "$action" = install ]; then
  mkdir -p "$(dirname "$list")"
  : >"$list"
  put gate46 "$prefix/bin/gate46" 755
  put gate46.1 "$prefix/share/man/man1/gate46.1"
  put gate46.bash "$prefix/share/bash-completion/completions/gate46"
  put gate46.fish "$prefix/share/fish/vendor_completions.d/gate46.fish"
  put _gate46 "$prefix/share/zsh/site-functions/_gate46"
  for name in gate46.schema.json gate46.example.toml gate46.notices.txt LICENSE grafana/gate46.json prometheus/alerts.yml; do
    put "$name" "$prefix/share/gate46/$name"
  done
  for name in pam ldap; do put "auth/gate46-auth-$name" "$prefix/lib/gate46/gate46-auth-$name" 755; done
  [ -e "$root/etc/gate46/gate46.toml" ] || {
    mkdir -p "$root/etc/gate46"
    cp "$here/gate46.toml" "$root/etc/gate46/gate46.toml"
  }
  if [ -d "$root/etc/systemd/system" ]; then
    for name in gate46.service gate46.socket; do
      service "systemd/$name" >"$root/etc/systemd/system/$name"
      echo "/etc/systemd/system/$name" >>"$list"
    done
    echo "systemctl daemon-reload && systemctl enable --now gate46"
  elif [ -d "$root/etc/init.d" ] && [ -e "$root/sbin/openrc-run" ]; then
    service openrc/gate46 >"$root/etc/init.d/gate46"
    chmod 755 "$root/etc/init.d/gate46"
    echo /etc/init.d/gate46 >>"$list"
    echo "rc-update add gate46 && rc-service gate46 start"
  fi
  exit
fi

[ -e "$list" ] || { echo "install.sh: Cannot take gate46 away: $list is not there" >&2 && exit 1; }
while read -r path; do rm -f "$root$path"; done <"$list"
rm -f "$list"
for folder in share/gate46/grafana share/gate46/prometheus share/gate46 lib/gate46; do
  rmdir "$root$prefix/$folder" 2>/dev/null || true
done
[ "$action" != purge ] || rm -rf "$root/etc/gate46" "$root/var/lib/gate46"
