#!/bin/sh
# Boots systemd over a copy of this system that is gone afterwards, and upgrades a Debian package there while a session
# is open: unshare --mount --net --pid --fork --kill-child --cgroup --ipc --uts deb_systemd.sh PACKAGE FOLDER
# What it has seen is in FOLDER.seen, a line each; it ends by itself.
set -eu
package=$1 folder=$2
unset TMPDIR # which is not in the copy
exec >"$folder.seen" 2>&1

mount -t tmpfs none "$folder"
mkdir "$folder/upper" "$folder/work" "$folder/root" "$folder/newer"
mount -t overlay -o "lowerdir=/,upperdir=$folder/upper,workdir=$folder/work" none "$folder/root"
root=$folder/root
mount -t proc none "$root/proc"
mount -t sysfs none "$root/sys"
mount -t cgroup2 none "$root/sys/fs/cgroup"
for name in run tmp dev; do mount -t tmpfs none "$root/$name"; done
for device in null zero random urandom full tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
ip link set lo up

# Nothing of this system runs there but the package's own.
rm -rf "$root/etc/systemd/system" "$root/etc/systemd/system.conf.d" "$root/usr/sbin/policy-rc.d"
mkdir -p "$root/etc/systemd/system/gate46.service.d"
for name in default sysinit basic multi-user network-online; do
  printf '[Unit]\nDescription=%s\nDefaultDependencies=no\n' "$name" >"$root/etc/systemd/system/$name.target"
done
for name in dbus.service dbus.socket systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket; do
  ln -sf /dev/null "$root/etc/systemd/system/$name"
done
# Who has a user namespace of its own (PrivateUsers) may be in no chroot.
mkdir -p "$root/mnt/host"
cd "$root"
pivot_root . mnt/host
folder=/mnt/host$folder package=/mnt/host$package root=

# Its log is a file here, one worker is enough, and mounts of its own are what a container may not allow.
cat >"$root/etc/systemd/system/gate46.service.d/test.conf" <<'CONF'
[Service]
Environment=GATE46_WORKERS=1 GATE46_TEST_HASTE=20 GATE46_ALLOW=127.0.0.1 GATE46_ADMIN=off
StandardError=append:/var/log/gate46.log
ProtectSystem=no
ProtectHome=no
ProtectProc=default
PrivateTmp=no
PrivateDevices=no
ProtectClock=no
ProtectControlGroups=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
CONF

inside() { env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
main_process() { inside systemctl show --property MainPID --value gate46.service; }
wait_for() { # WHAT COMMAND...
  what=$1 tries=0
  shift
  until "$@"; do
    tries=$((tries + 1))
    if [ "$tries" -gt 600 ]; then
      echo "Cannot wait for $what any longer"
      cat "$root/var/log/gate46.log" "$folder/dpkg" || true
      over
    fi
    sleep 0.1
  done
}
over() {
  inside systemctl --force --force poweroff >/dev/null 2>&1 || kill -KILL 1
  exit 0
}
quietly() { inside "$@" >/dev/null 2>&1; }
is_active() { [ "$(inside systemctl is-active gate46.service 2>/dev/null)" = active ]; }

# A session with an echo, which says what comes back to each line.
session() {
  python3 -u -c '
import socket, sys, threading
server = socket.create_server(("127.0.0.1", 0))
def echo():
    peer = server.accept()[0]
    while data := peer.recv(100): peer.sendall(data)
threading.Thread(target=echo, daemon=True).start()
client = socket.create_connection(("127.0.0.1", 1080), 30)
client.sendall(b"\5\1\0")
assert client.recv(2) == b"\5\0"
client.sendall(b"\5\1\0\1\x7f\0\0\1" + server.getsockname()[1].to_bytes(2, "big"))
assert client.recv(10)[:2] == b"\5\0"
for line in sys.stdin:
    client.sendall(line.encode())
    print(client.recv(100).decode().strip())
'
}

live() {
  trap over EXIT # whatever fails
  cp "$package" "$root/root/gate46.deb"
  wait_for systemd quietly systemctl is-active default.target 
  inside dpkg -i /root/gate46.deb >"$folder/dpkg" 2>&1 || cat "$folder/dpkg"
  wait_for "the service" is_active
  former=$(main_process)
  mkfifo "$folder/say"
  session <"$folder/say" >"$folder/heard" &
  exec 9>"$folder/say"
  echo before >&9
  wait_for "the session" grep -q before "$folder/heard"

  dpkg-deb -R "$package" "$folder/newer"
  sed -i 's/^Version: .*/Version: 99.0.0-1/' "$folder/newer/DEBIAN/control"
  dpkg-deb -Znone -b "$folder/newer" "$root/root/newer.deb" >/dev/null
  inside dpkg --force-confold -i /root/newer.deb >"$folder/dpkg" 2>&1 || cat "$folder/dpkg"
  next=$(main_process)
  [ "$next" != "$former" ] && echo "the upgrade has another main process, and the service is $(inside systemctl is-active gate46.service)"
  [ -d "$root/proc/$former" ] && echo "the former one lives while it has a session"
  echo after >&9
  wait_for "the session" grep -q after "$folder/heard"
  echo "the session goes on: $(tr '\n' ' ' <"$folder/heard")"
  exec 9>&-
  wait_for "the former process to end" test ! -d "$root/proc/$former"
  echo "it ends with it; the service is $(inside systemctl is-active gate46.service), restarts: $(inside systemctl show --property NRestarts --value gate46.service)"
  echo new | session
  former=$next
  inside systemctl reload gate46.service
  wait_for "the reload" grep -q reloaded "$root/var/log/gate46.log"
  [ "$(main_process)" = "$former" ] && echo "a reload is one, where nothing was upgraded"
  mkdir -p "$root/var/lib/gate46" && touch "$root/var/lib/gate46/quotas.json"
  inside dpkg -P gate46 >"$folder/dpkg" 2>&1 || cat "$folder/dpkg"
  left=$(cd "$folder/upper" && find . -name '*gate46*' -not -type c -not -path './root/*' -not -path './var/log/*' \
    -not -path './var/cache/man/*' -not -path './etc/systemd/system/gate46.service.d*')
  echo "purged, left: ${left:-nothing}; $(inside systemctl is-active gate46.service)"
  over
}

live &
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system \
  --show-status=no --log-target=null
