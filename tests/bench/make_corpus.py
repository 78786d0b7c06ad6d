#!/usr/bin/python3
"""Make a mail spool that looks like Cyrus's: make_corpus.py DIR [--megabytes N] [--seed S].

Text, quoted-printable HTML and base64 attachments; 60 % of the attachment bytes are incompressible, a quarter of the
attachments are shared between messages, 1 % of the files are hard links; every folder has cyrus.header, cyrus.index and
cyrus.cache.  3 000 MB are some 88 000 files.  The same seed gives the same bytes.
"""
import argparse
import base64
import os
import random

WORDS = ("kolab folder calendar meeting please regards attached report quarter invoice backup server message tomorrow "
         "office contract review status update question answer project release customer number address phone list "
         "Grüße Termin Anhang Rechnung morgen Angebot Besprechung").split()


def text(rng, size):
    lines, used = [], 0
    while used < size:
        line = " ".join(rng.choices(WORDS, k=rng.randint(4, 12)))
        lines.append(line)
        used += len(line) + 2
    return "\r\n".join(lines).encode()


def html(rng, size):
    body = b"".join(b"<p style=3D\"margin:0\">" + text(rng, 200).replace(b"\r\n", b"=0A=\r\n") + b"</p>=\r\n"
                    for _ in range(max(1, size // 260)))
    return b"<html><body>=\r\n" + body + b"</body></html>\r\n"


def attachment(rng, size):
    if rng.random() < 0.6:
        raw = rng.randbytes(size)
    else:
        row = b"%d;%s;%.2f;%s\r\n"
        raw = b"".join(row % (i, rng.choice(WORDS).encode(), rng.random() * 1000, rng.choice(WORDS).encode())
                       for i in range(size // 30))
    return base64.encodebytes(raw).replace(b"\n", b"\r\n")


def message(rng, shared):
    head = text(rng, 60).replace(b"\r\n", b" ")
    kind = rng.random()
    parts = [b"Return-Path: <a%d@example.org>\r\nReceived: from mx.example.org by imap.example.org; "
             b"Mon, %02d Nov 2025 10:%02d:00 +0100\r\nMessage-ID: <%s@example.org>\r\nSubject: %s\r\n"
             b"From: User <a@example.org>\r\nTo: b@example.org\r\nMIME-Version: 1.0\r\n\r\n"
             % (rng.randint(1, 999), rng.randint(1, 28), rng.randint(0, 59), rng.randbytes(12).hex().encode(), head)]
    if kind < 0.55:
        parts.append(text(rng, rng.randint(300, 6000)))
    elif kind < 0.8:
        parts.append(html(rng, rng.randint(2000, 20000)))
    else:
        size = int(rng.lognormvariate(11.1, 0.9))
        if shared and rng.random() < 0.25:
            parts.append(rng.choice(shared))
        else:
            made = attachment(rng, min(size, 3_000_000))
            parts.append(made)
            if len(shared) < 400:
                shared.append(made)
    return b"".join(parts)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("directory")
    ap.add_argument("--megabytes", type=int, default=3000)
    ap.add_argument("--seed", type=int, default=1)
    args = ap.parse_args()
    rng, shared = random.Random(args.seed), []
    total = files = folder = 0
    while total < args.megabytes * 1_000_000:
        name = rng.randbytes(12).hex()
        path = os.path.join(args.directory, "uuid", name[0], name[1], name)
        os.makedirs(path)
        folder += 1
        count = rng.randint(3, 36)
        last = None
        for uid in range(1, count + 1):
            target = os.path.join(path, f"{uid}.")
            if last and rng.random() < 0.01:
                os.link(last, target)
            else:
                data = message(rng, shared)
                with open(target, "wb") as out:
                    out.write(data)
                total += len(data)
                last = target
            stamp = 1_700_000_000 + rng.randint(0, 60_000_000)
            os.utime(target, (stamp, stamp))
            files += 1
        for extra, size in (("cyrus.header", 180), ("cyrus.index", 160 + 120 * count), ("cyrus.cache", 900 * count)):
            data = (rng.randbytes(40) + bytes(size))[:size] if extra != "cyrus.cache" else text(rng, size)
            with open(os.path.join(path, extra), "wb") as out:
                out.write(data)
            total += len(data)
            files += 1
    print(f"{files} files in {folder} folders, {total / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
