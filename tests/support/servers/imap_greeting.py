#!/usr/bin/python3
"""Prints the greeting of the IMAP server on this host; nothing when it does not answer."""
import socket
import sys

try:
    with socket.create_connection(("localhost", 143), timeout=2) as server:
        print(server.makefile("rb").readline().decode())
except OSError:
    sys.exit(1)
