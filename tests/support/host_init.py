#!/usr/bin/python3
"""PID 1 of a throw-away host: host_init.py NAME ROOT [NAME=FOLDER]..., started by host.py in fresh namespaces.

Shows each FOLDER as /mnt/NAME, puts ROOT's etc, var and srv over those of the machine, /run, /tmp and /dev/shm in memory (all for
this mount namespace only), says "ready", and lives until its standard input ends. The kernel then ends everything in the host, whether or not the harness could clean up.
"""
import os
import pathlib
import signal
import socket
import subprocess
import sys

name, root, *shown = sys.argv[1:]
subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/mnt"], check=True)
for target, folder in (pair.split("=", 1) for pair in shown):
    pathlib.Path("/mnt", target).mkdir()
    subprocess.run(["mount", "--bind", folder, f"/mnt/{target}"], check=True)
for folder in ("etc", "var", "srv"):
    subprocess.run(["mount", "--bind", f"{root}/{folder}", f"/{folder}"], check=True)
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
