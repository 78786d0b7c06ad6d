#!/usr/bin/python3
"""PID 1 of a throw-away host: host_init.py NAME ROOT [NAME=FOLDER]... [+PLACE]..., started by host.py in fresh namespaces.

Shows each FOLDER as /mnt/NAME, puts ROOT's etc, var and srv over those of the machine, /run, /tmp and /dev/shm in memory (all for
this mount namespace only), makes each PLACE a subvolume of one btrfs image, ROOT.img, says "ready", and lives until its standard input ends. The kernel then ends everything in the host, whether or not the harness could clean up.
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys

name, root, *shown = sys.argv[1:]
places = [place[1:] for place in shown if place.startswith("+")]
shown = [pair for pair in shown if not pair.startswith("+")]


def mount_volumes(image):
    """The loop device goes by itself with the last mount, and all mounts with this namespace."""
    top = pathlib.Path("/mnt/volumes")
    with open(image, "wb") as file:
        file.truncate(2 << 30)
    subprocess.run(["mkfs.btrfs", "--quiet", image], check=True, stdout=sys.stderr)
    top.mkdir()
    subprocess.run(["mount", "-o", "loop", image, top], check=True)
    device = subprocess.run(["findmnt", "-no", "SOURCE", top], check=True, capture_output=True, text=True).stdout.strip()
    for place in places:
        volume = place.strip("/").replace("/", "-")
        subprocess.run(["btrfs", "subvolume", "create", top / volume], check=True, stdout=sys.stderr)
        pathlib.Path(place).mkdir(parents=True, exist_ok=True)
        subprocess.run(["mount", "-o", f"subvol={volume}", device, place], check=True)


subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt"], check=True)
for target, folder in (pair.split("=", 1) for pair in shown):
    pathlib.Path("/mnt", target).mkdir()
    subprocess.run(["mount", "--bind", folder, f"/mnt/{target}"], check=True)
for folder in ("etc", "var", "srv"):
    subprocess.run(["mount", "--bind", f"{root}/{folder}", f"/{folder}"], check=True)
if places:
    mount_volumes(f"{root}.img")
subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"], check=True)
for shared in ("/tmp", "/dev/shm"):  # ns-slapd leaves a semaphore of a fixed name in /dev/shm
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", shared], check=True)
pathlib.Path("/run/lock").mkdir()
pathlib.Path("/run/lock").chmod(0o1777)
socket.sethostname(name)
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
os.chdir("/")
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # orphans of the host are reaped by the kernel
signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C is for the harness, which ends its hosts in order
print("ready", flush=True)
sys.stdin.read()
