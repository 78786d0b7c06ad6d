#!/bin/busybox sh
# Process 1 in the initramfs: the machine's root file system, read-only, below what the guest writes (in its memory).
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev

end() {
    echo "guest: $*"
    poweroff -f
}
for module in $(cat /modules/order); do
    insmod "/modules/$module" || end "$module was not loaded"
done
mkdir /lower /upper /new
mount -t virtiofs -o ro machine /lower || end "the machine's root file system was not mounted"
mount -t tmpfs -o mode=755 tmpfs /upper
mkdir /upper/over /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/over,workdir=/upper/work overlay /new || end "no overlay"
for folder in proc sys dev; do mount --move /$folder /new/$folder; done
mount -t tmpfs -o mode=755 tmpfs /new/run
mkdir /new/run/guest
cp /second.sh /command /share /time /bin/busybox /new/run/guest
exec switch_root /new /bin/bash /run/guest/second.sh
