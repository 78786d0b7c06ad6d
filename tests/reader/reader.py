#!/usr/bin/python3
"""reader.py -- reads a vault of Koffer's, by docs/formats alone.

    reader.py VAULT list                                    fulls and their archives
    reader.py VAULT [--key KEY] verify                      exit status 1 and lines that say what is wrong
    reader.py VAULT --key KEY ls FULL SOURCE [PATH]         a directory of an archive; SOURCE is host.source
    reader.py VAULT --key KEY listing FULL SOURCE           all metadata and SHA-256 of everything
    reader.py VAULT --key KEY restore FULL SOURCE DIR       into the new directory DIR (as root)

KEY is the line KFR1-... of the recovery sheet, or @FILE with that line.  Needs python3-cryptography and
python3-zstandard.
"""
import argparse
import datetime
import hashlib
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from cursor import Corrupt  # noqa: E402
from keys import RecoveryKey  # noqa: E402
from node import FILE, SYMLINK  # noqa: E402
from restore import restore  # noqa: E402
from tree import Tree  # noqa: E402
from vault import Vault  # noqa: E402
from verify import verify  # noqa: E402

LETTERS = "?fdlpscb"


def key_of(text):
    if text.startswith("@"):
        text = pathlib.Path(text[1:]).read_text()
    return RecoveryKey.from_paper(text)


def time_of(nanoseconds):
    return datetime.datetime.fromtimestamp(nanoseconds // 10 ** 9, datetime.timezone.utc).isoformat()


def escaped(name):
    """As text: control characters, backslashes and what is not UTF-8 become \\xNN."""
    return re.sub(rb"[\0-\x1f\x7f\\]", lambda found: b"\\x%02x" % found[0][0], name).decode(errors="backslashreplace")


def print_list(vault):
    for full in vault.fulls():
        print(f"{full.number}  {time_of(full.sealed)}  {'full' if full.state == 1 else 'incomplete'}")
        for archive in full.archives:
            counts = "  ".join(f"{what} {count}" for what, count in archive.counts.items())
            print(f"    {archive.title}  {archive.kind}  {'complete' if archive.state == 1 else 'incomplete'}  {counts}")
        for host, source, reason in full.missing:
            print(f"    {host}.{source}  missing: {reason}")


def print_entries(entries):
    for entry in entries:
        owner = f"{escaped(entry.user.name) or entry.user.number}:{escaped(entry.group.name) or entry.group.number}"
        target = f" -> {escaped(entry.target)}" if entry.type == SYMLINK else ""
        print(f"{LETTERS[entry.type]} {entry.mode:04o} {owner} {entry.size:>12} {time_of(entry.mtime)} "
              f"{escaped(entry.name)}{target}")


def sha256_of(tree, entry):
    """Of a file's content, its holes as zeros."""
    digest, at = hashlib.sha256(), 0
    for offset, data in tree.content(entry):
        _zeros(digest, offset - at)
        digest.update(data)
        at = offset + len(data)
    _zeros(digest, entry.size - at)
    return digest.hexdigest()


def _zeros(digest, count):
    while count > 0:
        digest.update(bytes(min(count, 1 << 20)))
        count -= 1 << 20


def listing(tree):
    """Everything about everything, a line each; tests/golden/*/expected-*.txt hold it."""
    for path, entry in tree.walk():
        said = {FILE: lambda: sha256_of(tree, entry) if entry.size else "empty", SYMLINK: lambda: escaped(entry.target)}
        words = [LETTERS[entry.type], f"{entry.mode:04o}", f"{entry.user.number}:{entry.group.number}", str(entry.mtime),
                 str(entry.size), said.get(entry.type, lambda: "-")(), escaped(path)]
        words += [f"link={entry.link:016x}"] * bool(entry.link)
        words += [f"{escaped(name)}={value.hex()}" for name, value in entry.attributes.items()]
        yield "\t".join(words)


def arguments(words):
    parser = argparse.ArgumentParser(description="reads a vault of Koffer's")
    parser.add_argument("vault")
    parser.add_argument("--key", type=key_of)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("list")
    verbs.add_parser("verify")
    for name, last in ("ls", "path"), ("listing", None), ("restore", "folder"):
        verb = verbs.add_parser(name)
        verb.add_argument("full", type=int)
        verb.add_argument("source")
        if last:
            verb.add_argument(last, type=os.fsencode, nargs="?" if last == "path" else None, default=b"")
    return parser.parse_args(words)


def run(said):
    vault = Vault(said.vault)
    if said.verb == "list":
        print_list(vault)
        return 0
    if said.verb == "verify":
        problems = verify(vault, said.key)
        print("\n".join(problems) or "everything is as it was written")
        return bool(problems)
    if not said.key:
        raise Corrupt("--key is missing: without it only list and verify are possible")
    full = vault.full(said.full)
    tree = Tree(vault, vault.open_root(full, full.archive(said.source), said.key))
    if said.verb == "ls":
        print_entries(tree.list(said.path.strip(b"/")))
    elif said.verb == "listing":
        print("\n".join(listing(tree)))
    else:
        restore(tree, said.folder)
    return 0


def main(words):
    try:
        return run(arguments(words))
    except (Corrupt, OSError) as error:
        print(f"reader.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
