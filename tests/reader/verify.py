"""Is everything there and as it was written?  Without a key: every byte of every pack, every record, every chain, and that
each full reaches only blobs that are there.  With a key also: every node, every slice, every count.

    problems = verify(vault, key)       # [] or lines for people
"""
import collections

import blob as blobs
from cursor import Corrupt
from keys import sha256
from node import DIRECTORY, FILE, FUZZY, UNREADABLE
from tree import Tree
from vault import check_chains, check_pack, walk_pack


def verify(vault, key=None):
    problems, headers = check_packs(vault)
    fulls = []
    for path, full in vault.read_fulls():
        if isinstance(full, Corrupt):
            problems.append(f"{path}: {full}")
        else:
            fulls.append(full)
    problems += check_chains(fulls) + check_envelopes(vault, fulls)
    for full in fulls:
        for archive in full.archives:
            title = f"full {full.number}, {archive.title}"
            problems += [f"{title}: {line}" for line in check_reach(archive, headers)]
            if key:
                problems += [f"{title}: {line}" for line in check_tree(vault, full, archive, key)]
    return problems


def check_packs(vault):
    problems, headers = [], {}
    for path, id in vault.packs():
        data = path.read_bytes()
        if sha256(data) != id:
            problems.append(f"{path}: its bytes are not what its name says")
        try:
            places, found = check_pack(data, vault.id, path)
            headers.update(found)
            if list(walk_pack(data, vault.id, path))[:len(places)] != places:
                problems.append(f"{path}: from the front other blobs are found than by its table")
        except Corrupt as error:
            problems.append(str(error))
            headers.update(salvaged(data, vault.id, path))
    return problems, headers


def salvaged(data, vault_id, path):
    try:
        return {place.id: blobs.Header(data[place.offset:place.offset + place.length], place.id)
                for place in walk_pack(data, vault_id, path)}
    except Corrupt:
        return {}


def check_reach(archive, headers):
    """By ids alone, no key needed."""
    seen, pending = {archive.root}, [archive.root]
    while pending:
        id = pending.pop()
        if id not in headers:
            yield f"blob {id.hex()} is not there"
            continue
        if headers[id].domain != archive.domain:
            yield f"blob {id.hex()} is of another domain"
        fresh = set(headers[id].children) - seen
        seen |= fresh
        pending += fresh


def check_envelopes(vault, fulls):
    """What is wrong with those that are there; one that is missing was never promised."""
    problems, signers = [], {full.signer for full in fulls}
    roots = {(full.number, full.hash): {archive.root for archive in full.archives} for full in fulls}
    for path, envelope in vault.read_envelopes():
        if isinstance(envelope, Corrupt):
            problems.append(f"{path}: {envelope}")
        elif (envelope.number, envelope.full) not in roots:
            problems.append(f"{path}: its full is not here")
        elif not envelope.roots.keys() <= roots[envelope.number, envelope.full]:
            problems.append(f"{path}: it holds a root that its full has not")
        elif envelope.signer not in signers:
            problems.append(f"{path}: it is signed by a key that signed no full here")
    return problems


def check_tree(vault, full, archive, key):
    try:
        counts, links = collections.Counter(), {}
        tree = Tree(vault, vault.open_root(full, archive, key))
        for path, entry in tree.walk():
            counts["files" if entry.type == FILE else "directories" if entry.type == DIRECTORY else "others"] += 1
            counts["unreadable"] += bool(entry.flags & UNREADABLE)
            counts["fuzzy"] += bool(entry.flags & FUZZY)
            counts["bytes"] += entry.size
            collections.deque(tree.content(entry), maxlen=0)  # opens all that it reads
            content = entry.type, entry.size, entry.pieces
            if entry.link and links.setdefault(entry.link, content) != content:
                yield f"{path!r}: its content differs from another name of the same file"
    except Corrupt as error:
        yield str(error)
        return
    for what, count in archive.counts.items():
        without_entry = what == "vanished" or what == "unreadable" and count > counts[what]
        if counts[what] != count and not without_entry:
            yield f"{what}: the record says {count}, the tree has {counts[what]}"
