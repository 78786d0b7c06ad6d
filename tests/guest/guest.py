#!/usr/bin/python3
"""guest.py [option...] -- COMMAND [ARGUMENT...] -- runs a command in a throw-away virtual machine with a kernel of its own.

The machine boots Debian's cloud kernel in qemu.  It sees this machine's root file system and this project; what it writes
there stays in its memory and ends with it.  It has device-mapper, LVM, ext4, XFS, udev, a loopback interface and nothing else.
Needs root; leaves nothing behind, even when it is killed.

  --disk SIZE      a blank disk (512M, 2G); the first is /dev/vda; may be repeated
  --share FOLDER   seen read-write at the same path
  --limit SECONDS  for all of it (300)
  --memory MIB     (1024)
  --cpus N         (2)
  --console FILE   what the kernel said is kept there

The command's output is ours, and so is its exit status.  124: not within the limit.  125: the machine ended without running it
to its end; the console's last words are on standard error.
"""
import argparse
import os
import pathlib
import re
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import kernel  # noqa: E402

PROJECT = HERE.parents[1]
QEMU, VIRTIOFSD, BUSYBOX = "/usr/bin/qemu-system-x86_64", "/usr/lib/qemu/virtiofsd", "/bin/busybox"
RUN = pathlib.Path("/media")  # a memory file system in a mount namespace of our own: it ends with us
SEEN = ("/usr", "/etc", PROJECT, pathlib.Path(tempfile.gettempdir()))  # of the machine, whatever they are mounted on
MODULES = ("virtio_pci", "virtio_blk", "virtio_console", "virtio_rng", "virtiofs", "overlay", "loop", "dm_mod", "dm_snapshot",
           "dm_thin_pool", "ext4", "xfs", "crc32c_generic")
# A busy machine disturbs what a kernel tries of its timers while it boots: it panics, or its TSC runs too fast.
KERNEL_LINE = ("console=ttyS0 quiet panic=-1 mitigations=off nokaslr random.trust_cpu=on audit=0 apparmor=0 selinux=0 "
               "no_timer_check clocksource=hpet net.ifnames=0")
TOO_LATE, NEVER_RAN = 124, 125
SERVER_ENDS = 10  # seconds after qemu


def options():
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("--disk", action="append", default=[])
    parser.add_argument("--share", type=pathlib.Path)
    parser.add_argument("--limit", type=float, default=300)
    parser.add_argument("--memory", type=int, default=1024)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--console", type=pathlib.Path)
    parser.add_argument("command", nargs="+")
    chosen = parser.parse_args()
    chosen.share = chosen.share and chosen.share.resolve(strict=True)
    return chosen


def refuse_what_cannot_work():
    for program in (QEMU, VIRTIOFSD, BUSYBOX):
        if not os.path.exists(program):
            raise kernel.Missing(f"no {program}: deploy/install-packages test")
    if os.geteuid() != 0:
        raise kernel.Missing("only root can show the machine's files to a guest")


def in_a_mount_namespace_of_its_own():
    """Once more from the beginning, where our mounts are nobody else's."""
    if os.environ.get("GUEST_NAMESPACE") != str(os.getpid()):
        os.environ["GUEST_NAMESPACE"] = str(os.getpid())
        os.execv("/usr/bin/unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def mount(*words):
    subprocess.run(["mount", *map(str, words)], check=True)


def mounts_on_the_way():
    """The mount points, but for the root, that lead to what shall be seen; outer ones first."""
    points = {line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()} - {"/"}
    ways = {str(step) for path in SEEN for step in (pathlib.Path(path), *pathlib.Path(path).parents)}
    return sorted(points & ways)


def show_the_machine():
    """-> a folder that is the machine's root file system, and by the kernel's word read-only."""
    elsewhere = mounts_on_the_way()
    mount("-t", "tmpfs", "-o", "mode=700,size=75%", "tmpfs", RUN)
    root = RUN / "machine"
    root.mkdir()
    mount("--bind", "/", root)
    for path in elsewhere:
        mount("--bind", path, root / path.lstrip("/"))
    for path in ("", *elsewhere):
        mount("-o", "remount,bind,ro", root / path.lstrip("/"))
    return root


def make_initrd(modules, command, share):
    """-> the file: busybox, the modules in their order, and what to do."""
    tree = RUN / "initrd"
    for folder in ("bin", "modules", "proc", "sys", "dev"):
        (tree / folder).mkdir(parents=True)
    shutil.copy(BUSYBOX, tree / "bin/busybox")
    shutil.copy(HERE / "first.sh", tree / "init")
    shutil.copy(HERE / "second.sh", tree)
    (tree / "init").chmod(0o755)
    for module in modules:
        shutil.copy(module, tree / "modules")
    (tree / "modules/order").write_text("\n".join(module.name for module in modules))
    (tree / "command").write_text(f"cd {shlex.quote(str(PROJECT))}\nexec {shlex.join(command)}\n")
    (tree / "time").write_text(str(int(time.time())))
    (tree / "share").write_text(str(share or ""))
    names = "\n".join(str(path.relative_to(tree)) for path in tree.rglob("*"))
    with open(RUN / "initrd.cpio", "wb") as file:
        subprocess.run([BUSYBOX, "cpio", "-o", "-H", "newc"], cwd=tree, input=names.encode(), stdout=file,
                       stderr=subprocess.DEVNULL, check=True)
    return RUN / "initrd.cpio"


class Machine:
    """qemu and its servers of files; all end with us, whatever ends us."""

    def __init__(self):
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):  # qemu first: those that serve it end by themselves, and with their children
            self._end(process)

    def _end(self, process):
        try:
            if process is self.processes[-1]:
                process.kill()
            process.wait(SERVER_ENDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def start(self, argv, log, fds=()):
        with open(RUN / log, "wb") as file:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *map(str, argv)], stdin=subprocess.DEVNULL,
                                       stdout=file, stderr=file, pass_fds=fds, start_new_session=True)
        self.processes.append(process)
        return process

    def serve(self, tag, folder, cache):
        """-> qemu's words for a file system of the guest."""
        path = RUN / f"{tag}.sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(1)
            self.start([VIRTIOFSD, f"--fd={listener.fileno()}", "-o", f"source={folder}", "-o", f"cache={cache}",
                        "-o", "log_level=err", "--thread-pool-size=1"], f"{tag}.log", (listener.fileno(),))
        return ["-chardev", f"socket,id={tag},path={path}", "-device", f"vhost-user-fs-pci,chardev={tag},tag={tag}"]


def disk(number, size):
    path = RUN / f"disk{number}"
    subprocess.run(["truncate", "-s", size, path], check=True)
    return ["-drive", f"if=none,id=disk{number},format=raw,cache=unsafe,discard=unmap,file={path}",
            "-device", f"virtio-blk-pci,drive=disk{number},serial=disk{number}"]


def port(name, fd):
    return ["-chardev", f"socket,id={name},fd={fd}", "-device", f"virtserialport,chardev={name},name={name}"]


def qemu(chosen, image, initrd):
    return [QEMU, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-accel", "tcg,thread=multi",
            "-machine", "q35,memory-backend=memory,usb=off,vmport=off,sata=off", "-cpu", "max,-avx,-avx2", "-smp", chosen.cpus,
            "-m", chosen.memory, "-object", f"memory-backend-memfd,id=memory,size={chosen.memory}M,share=on",
            "-serial", f"file:{RUN}/console", "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-kernel", image, "-initrd", initrd, "-append", KERNEL_LINE]


def pass_on(output, status, until):
    """The guest's output to ours, until both ports are closed -> (its exit status or None, was it in time)."""
    said = {output: b"", status: b""}
    with selectors.DefaultSelector() as selector:
        for end in said:
            selector.register(end, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(max(0, until - time.monotonic()))
            if not ready and time.monotonic() >= until:
                return None, False
            for end in (key.fileobj for key, _ in ready):
                got = end.recv(65536)
                if not got:
                    selector.unregister(end)
                elif end is output:
                    os.write(1, got)
                else:
                    said[status] += got
    number = re.fullmatch(rb"(\d+)\s*", said[status])
    return number and int(number[1]), True


def run(chosen, until):
    fetched = kernel.fetch(PROJECT / "build/guest/kernel")
    root = show_the_machine()
    initrd = make_initrd(fetched.modules(MODULES), chosen.command, chosen.share)
    ports = [socket.socketpair() for _ in ("output", "status")]
    with Machine() as machine:
        words = qemu(chosen, fetched.image, initrd) + machine.serve("machine", root, "always")
        if chosen.share:
            words += machine.serve("share", chosen.share, "none")
        for number, size in enumerate(chosen.disk):
            words += disk(number, size)
        theirs = [pair[1].fileno() for pair in ports]
        words += port("output", theirs[0]) + port("status", theirs[1])
        machine.start(words, "qemu.log", theirs)
        for pair in ports:
            pair[1].close()
        return pass_on(ports[0][0], ports[1][0], until)


def last_words():
    for log in (RUN / "console", *sorted(RUN.glob("*.log"))):
        if log.exists() and (words := log.read_text(errors="replace").strip()):
            print(f"guest: {log.name}:", *words.splitlines()[-60:], sep="\n  ", file=sys.stderr)


def main():
    chosen = options()
    until = time.monotonic() + chosen.limit
    refuse_what_cannot_work()
    in_a_mount_namespace_of_its_own()
    status, in_time = run(chosen, until)
    if chosen.console:
        shutil.copy(RUN / "console", chosen.console)
    if status is None:
        print(f"guest: {'ended without a status' if in_time else f'not within {chosen.limit:g} s'}", file=sys.stderr)
        last_words()
        return NEVER_RAN if in_time else TOO_LATE
    return status


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _: sys.exit(128 + received))
    try:
        sys.exit(main())
    except kernel.Missing as missing:
        print(f"guest: {missing}", file=sys.stderr)
        sys.exit(NEVER_RAN)
