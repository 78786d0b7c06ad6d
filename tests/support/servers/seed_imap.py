#!/usr/bin/python3
"""Fills the IMAP server of this host; runs inside the host.

    seed_imap.py MESSAGES USER...            folders for all users, MESSAGES in all
    seed_imap.py --more COUNT SEED USER      COUNT new messages into the user's INBOX

Every mailbox is created through one session: Debian's Cyrus 3.6.1 seeds rand() with the second in each imapd, so two
processes that create mailboxes within one second hand out the same uniqueid, hence one directory for two mailboxes.
"""
import imaplib
import pathlib
import random
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from servers import mail  # noqa: E402
from servers.imap import ADMIN, FOLDERS, PASSWORD  # noqa: E402

FLAGS = ["", r"\Seen", r"\Seen \Flagged", r"\Answered", r"$Label1 \Seen"]


def connect(user):
    session = imaplib.IMAP4("localhost")
    session.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # without it each APPEND takes 45 ms
    session.login(user, PASSWORD)
    return session


def expect_ok(reply):
    if reply[0] != "OK":
        sys.exit(f"seed_imap: the server said {reply}")


def create_folders(users):
    admin = connect(ADMIN)
    for user in users:
        name, domain = user.split("@")
        for folder in FOLDERS:
            below = "" if folder == "INBOX" else "/" + folder
            expect_ok(admin.create(f'"user/{name}{below}@{domain}"'))
        expect_ok(admin.setquota(f'"user/{name}@{domain}"', "(STORAGE 2000000)"))
    admin.logout()


def append(session, folder, user, number, chance):
    flags = FLAGS[number % len(FLAGS)]
    text, date = mail.message(user, number, chance)
    expect_ok(session.append(f'"{folder}"', f"({flags})" if flags else None, imaplib.Time2Internaldate(date), text))


def fill(user, count):
    chance = random.Random(user)
    session = connect(user)
    for folder in FOLDERS[1:]:
        expect_ok(session.subscribe(f'"{folder}"'))
    session._simple_command("SETANNOTATION", '"Calendar"', '"/vendor/kolab/folder-type"', '("value.shared" "event.default")')
    for number in range(count):
        append(session, FOLDERS[number % len(FOLDERS)], user, number, chance)
    expect_ok(session.select("Archive"))
    expect_ok(session.store("1:3", "+FLAGS", r"(\Deleted)"))
    expect_ok(session.expunge())
    expect_ok(session.close())
    expect_ok(session.delete(f'"{FOLDERS[-1]}"'))
    expect_ok(session.select("INBOX"))
    expect_ok(session.fetch("1:5", "(BODY[])"))
    session.logout()


if sys.argv[1] == "--more":
    count, seed, user = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    session = connect(user)
    for number in range(count):
        append(session, "INBOX", user, seed + number, random.Random(f"{user} {seed + number}"))
    session.logout()
else:
    users = sys.argv[2:]
    create_folders(users)
    for index, user in enumerate(users):
        fill(user, int(sys.argv[1]) // len(users) + (index < int(sys.argv[1]) % len(users)))
