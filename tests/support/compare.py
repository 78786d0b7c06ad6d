"""Are two things the same?  Trees by bytes and metadata, LDIF and SQL dumps by content.

    differences = tree("/srv/data", restored, skip=["lock/*"])      # [] or up to LIMIT lines for people
    differences = ldif(exported, restored)
    differences = sql(dump, restored, without_rows=["cache"])

Each function returns lines that say what differs and how; an empty list means equal.
"""
import base64
import collections
import fnmatch
import hashlib
import os
import pathlib
import re
import stat

LIMIT = 40
BLOCK = 512  # of st_blocks


def shortened(differences):
    if len(differences) > LIMIT:
        return [*differences[:LIMIT], f"... and {len(differences) - LIMIT} more"]
    return differences


# ---- trees

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
         stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device"}


def _skipped(name, patterns):
    return any(fnmatch.fnmatchcase(os.fsdecode(name), pattern) for pattern in patterns)


def _walk(top, skip):
    """Relative name (bytes) -> lstat, and the directories below which something was skipped."""
    found, thinned = {b"": os.lstat(top)}, set()
    pending = [b""] if stat.S_ISDIR(found[b""].st_mode) else []
    while pending:
        folder = pending.pop()
        for entry in os.scandir(os.path.join(top, folder)):
            name = os.path.join(folder, entry.name)
            if _skipped(name, skip):
                thinned.add(folder)
                continue
            found[name] = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                pending.append(name)
    return found, thinned


def _at(top, name):
    return os.path.join(top, name) if name else top


def _content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()


def _attributes(path):
    """Extended attributes; POSIX ACLs are among them (system.posix_acl_access, system.posix_acl_default)."""
    return {name: os.getxattr(path, name, follow_symlinks=False) for name in os.listxattr(path, follow_symlinks=False)}


def _facts(path, status, with_time):
    kind = KINDS[stat.S_IFMT(status.st_mode)]
    facts = {"kind": kind, "mode": oct(stat.S_IMODE(status.st_mode)), "owner": status.st_uid, "group": status.st_gid}
    if with_time:
        facts["mtime (ns)"] = status.st_mtime_ns
    if kind in ("file", "symlink"):
        facts["size"] = status.st_size
    if kind == "symlink":
        facts["target"] = os.readlink(path)
    if kind.endswith("device"):
        facts["device"] = status.st_rdev
    return facts


def _sparser(original, copy):
    """Holes must stay holes: a file with a hole of 64 KiB or more may not fill it in the copy."""
    hole = original.st_size - original.st_blocks * BLOCK
    return hole >= 65536 and copy.st_blocks * BLOCK > original.st_blocks * BLOCK + 65536


def _links(found):
    """Sets of names that are one file."""
    groups = collections.defaultdict(set)
    for name, status in found.items():
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            groups[status.st_dev, status.st_ino].add(name)
    return {frozenset(names) for names in groups.values() if len(names) > 1}


def _shown(names):
    return ", ".join(sorted(repr(os.fsdecode(name)) for name in names))


def tree(original, copy, skip=(), ignore=()):
    """`skip`: patterns of relative paths looked at in neither tree; `ignore`: facts, by their names in _facts."""
    original, copy = os.fsencode(original), os.fsencode(copy)
    (ours, thinned), (theirs, _) = _walk(original, skip), _walk(copy, skip)
    differences = [f"missing: {_shown([name])}" for name in sorted(ours.keys() - theirs.keys())]
    differences += [f"not in the original: {_shown([name])}" for name in sorted(theirs.keys() - ours.keys())]
    for name in sorted(ours.keys() & theirs.keys()):
        differences += [f"{_shown([name])}: {text}" for text in
                        _compare_one(_at(original, name), _at(copy, name), ours[name], theirs[name],
                                     name not in thinned, ignore)]
    for names in sorted(_links(ours) ^ _links(theirs), key=sorted):
        differences.append(f"one file in only one of the trees: {_shown(names)}")
    return shortened(differences)


def _compare_one(original, copy, ours, theirs, with_time, ignore):
    facts, others = _facts(original, ours, with_time), _facts(copy, theirs, with_time)
    for name, value in facts.items():
        if name not in ignore and others.get(name) != value:
            yield f"{name} {value!r} became {others.get(name)!r}"
    if facts["kind"] != others["kind"]:
        return
    if "attributes" not in ignore and _attributes(original) != _attributes(copy):
        yield f"extended attributes {_attributes(original)} became {_attributes(copy)}"
    if facts["kind"] == "file" and ours.st_size == theirs.st_size:
        if _content(original) != _content(copy):
            yield "bytes differ"
        if _sparser(ours, theirs):
            yield f"holes were filled: {ours.st_blocks} blocks became {theirs.st_blocks}"


# ---- LDIF

def ldif_entries(path):
    """Distinguished name (lower case) -> sorted attribute values, unfolded and decoded."""
    entries, lines = {}, []

    def keep():
        pairs = [_attribute(line) for line in lines]
        pairs = [pair for pair in pairs if pair[0] != "version"]
        if pairs:
            name, value = pairs[0]
            if name != "dn":
                raise ValueError(f"{path}: an entry begins with '{name}' and not with its dn")
            entries[value.lower()] = sorted(pairs[1:])
        lines.clear()

    with open(path, "rb") as file:
        for line in file:
            line = line.rstrip(b"\r\n")
            if line.startswith(b"#"):
                continue
            if line.startswith(b" ") and lines:
                lines[-1] += line[1:]
            elif line:
                lines.append(line)
            else:
                keep()
    keep()
    return entries


def _attribute(line):
    name, _, value = line.partition(b":")
    value = base64.b64decode(value[1:].strip()) if value.startswith(b":") else value.lstrip(b" ")
    return name.decode().lower(), value


def ldif(original, copy, ignore=(), without=()):
    """`ignore`: attribute types, `without`: endings of entries' names that do not count; both in lower case."""
    def counting(path):
        return {dn: pairs for dn, pairs in ldif_entries(path).items() if not dn.decode().endswith(tuple(without))}

    ours, theirs = counting(original), counting(copy)
    differences = [f"missing entry: {dn.decode()}" for dn in sorted(ours.keys() - theirs.keys())]
    differences += [f"entry not in the original: {dn.decode()}" for dn in sorted(theirs.keys() - ours.keys())]
    for dn in sorted(ours.keys() & theirs.keys()):
        before, after = (collections.Counter(pair for pair in entries[dn] if pair[0].split(";")[0] not in ignore)
                         for entries in (ours, theirs))
        differences += [f"{dn.decode()}: lost {name}: {value!r}" for name, value in (before - after)]
        differences += [f"{dn.decode()}: gained {name}: {value!r}" for name, value in (after - before)]
    return shortened(differences)


# ---- SQL dumps

TOKEN = re.compile(rb"""'(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`]|``)*` | --[ ][^\n]*\n | [(),;] | \n | [^'"`(),;\n-]+ | -""",
                   re.X | re.S)
NOISE = re.compile(rb"^(LOCK TABLES|UNLOCK TABLES|DELIMITER|USE |CREATE DATABASE|COMMIT|START TRANSACTION)|"
                   rb"^/\*!\d+ ?(SET|ALTER TABLE|CREATE DATABASE|CREATE TABLE \w+ \()|^/\*M?!999999|^SET |^DROP |^/\*!\d+ DROP ", re.I)
INSERT = re.compile(rb"^INSERT (?:IGNORE )?INTO (`(?:[^`]|``)+`) (?:\([^)]*\) )?VALUES", re.I)


def sql_statements(path):
    """Statements of a dump of mariadb-dump, as lists of tokens, comments and line ends dropped."""
    text, statement = pathlib.Path(path).read_bytes(), []
    at = 0
    while match := TOKEN.match(text, at):
        at, token = match.end(), match[0]
        if token == b";":
            yield statement
            statement = []
        elif not token.startswith(b"-- ") and token.strip():
            statement.append(token)
    if at != len(text):
        raise ValueError(f"{path}: not SQL at byte {at}: {text[at:at + 60]!r}")
    if statement:
        yield statement


def _rows(tokens):
    """VALUES (...),(...): each pair of outer brackets is a row."""
    depth, row = 0, []
    for token in tokens:
        depth += (token == b"(") - (token == b")")
        if depth == 1 and token == b"(":
            row = []
        elif depth == 0 and token == b")":
            yield b"".join(row)
        elif depth:
            row.append(token)


def sql_content(path):
    """Table name -> Counter of rows, and a Counter of all other statements (schemas, views, triggers, routines)."""
    rows, definitions = collections.defaultdict(collections.Counter), collections.Counter()
    for tokens in sql_statements(path):
        text = b" ".join(token.strip() for token in tokens)
        if insert := INSERT.match(text):
            values = next(at for at, token in enumerate(tokens) if token.strip().upper().endswith(b"VALUES"))
            rows[insert[1].decode()].update(_rows(tokens[values + 1:]))
        elif not NOISE.match(text):
            definitions[re.sub(rb" AUTO_INCREMENT=\d+", b"", text)] += 1
    return rows, definitions


def sql(original, copy, without_rows=()):
    """`without_rows`: tables whose rows the copy need not have (their schema it must)."""
    (ours, schema), (theirs, other_schema) = sql_content(original), sql_content(copy)
    differences = [f"lost: {text.decode(errors='replace')[:200]}" for text in schema - other_schema]
    differences += [f"gained: {text.decode(errors='replace')[:200]}" for text in other_schema - schema]
    for table in sorted(ours.keys() | theirs.keys()):
        if table.strip("`") in without_rows:
            continue
        lost, gained = ours[table] - theirs[table], theirs[table] - ours[table]
        if lost or gained:
            example = next(iter(lost or gained)).decode(errors="replace")[:120]
            differences.append(f"{table}: {lost.total()} rows lost, {gained.total()} gained, for example ({example})")
    return shortened(differences)
