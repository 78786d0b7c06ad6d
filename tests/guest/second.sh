#!/bin/bash
# Process 1 above the machine's file system: devices as on a real host, then the command, then its exit status.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb TMPDIR=/run/tmp
mkdir -p "$TMPDIR" /run/lock/lvm /run/lvm /dev/pts /dev/shm
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount -t devpts devpts /dev/pts
mount -t cgroup2 cgroup2 /sys/fs/cgroup
share=$(</run/guest/share)
if [[ -n $share ]]; then
    mkdir -p "$share"
    mount -t virtiofs share "$share"
fi
ln -sf /proc/self/fd /dev/fd
hostname guest
ip link set lo up
date -s "@$(cat /run/guest/time)" >/dev/null
/lib/systemd/systemd-udevd --daemon 2>/run/guest/udevd.log
udevadm trigger --action=add --subsystem-match=block
udevadm settle

port() { # the device of the virtio port with this name
    local port
    for port in /sys/class/virtio-ports/*; do
        if [[ $(<"$port/name") == "$1" ]]; then echo "/dev/${port##*/}"; fi
    done
}
setsid --wait bash /run/guest/command </dev/null >"$(port output)" 2>&1
echo $? >"$(port status)"
sync
exec /run/guest/busybox poweroff -f
