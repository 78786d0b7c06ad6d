"""The comparison helpers notice what they are for: a helper that sees nothing would make every restore look right."""
import os
import subprocess

import compare
import pytest


@pytest.fixture
def trees(tmp_path):
    """Two equal trees with something of everything, on a file system with extended attributes."""
    original, copy = tmp_path / "original", tmp_path / "copy"
    (original / "folder").mkdir(parents=True)
    (original / "file").write_bytes(b"bytes")
    (original / "folder" / b"not utf-8 \xff".decode(errors="surrogateescape")).write_bytes(b"")
    os.link(original / "file", original / "folder" / "same file")
    (original / "link").symlink_to("folder/nowhere")
    os.setxattr(original / "file", "user.note", b"kept")
    with open(original / "sparse", "wb") as sparse:
        sparse.truncate(8 << 20)
        sparse.seek(4 << 20)
        sparse.write(b"island")
    subprocess.run(["setfacl", "-m", "u:mysql:r", original / "file"], check=True)
    subprocess.run(["cp", "-a", original, copy], check=True)
    return original, copy


def test_equal_trees_have_no_differences(trees):
    assert compare.tree(*trees) == []


def test_a_tree_may_be_one_file(trees):
    original, copy = trees
    assert compare.tree(original / "file", copy / "file") == []
    change_bytes(copy)
    assert compare.tree(original / "file", copy / "file") == ["'': bytes differ"]


def change_bytes(copy):
    before = os.stat(copy / "file")
    with open(copy / "file", "r+b") as file:
        file.write(b"B")
    os.utime(copy / "file", ns=(before.st_atime_ns, before.st_mtime_ns))


def remove_link(copy):
    before = os.stat(copy / "folder")
    (copy / "folder" / "same file").unlink()
    subprocess.run(["cp", "-a", copy / "file", copy / "folder" / "same file"], check=True)
    os.utime(copy / "folder", ns=(before.st_atime_ns, before.st_mtime_ns))


def fill_holes(copy):
    before = os.stat(copy / "sparse")
    (copy / "sparse").write_bytes((copy / "sparse").read_bytes())
    os.utime(copy / "sparse", ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "bytes differ": change_bytes,
    "one file in only one": remove_link,
    "holes were filled": fill_holes,
    "mtime (ns)": lambda copy: os.utime(copy / "folder", ns=(1, 1425427200000000001)),
    "mode": lambda copy: (copy / "folder").chmod(0o700),
    "owner": lambda copy: os.lchown(copy / "link", 12, -1),
    "group": lambda copy: os.lchown(copy / "link", -1, 12),
    "size": lambda copy: os.truncate(copy / "sparse", 5 << 20),
    "extended attributes": lambda copy: os.setxattr(copy / "file", "user.note", b"lost"),
    "posix_acl_access": lambda copy: subprocess.run(["setfacl", "-m", "u:mysql:rw", copy / "file"], check=True),
    "missing: 'link'": lambda copy: (copy / "link").unlink(),
    "not in the original: 'more'": lambda copy: (copy / "more").mkdir(),
    "target": lambda copy: ((copy / "link").unlink(), (copy / "link").symlink_to("folder/nowhera")),
    "kind": lambda copy: ((copy / "link").unlink(), (copy / "link").mkdir()),
}


@pytest.mark.parametrize("words", CHANGES)
def test_every_kind_of_change_in_a_tree_is_named(trees, words):
    original, copy = trees
    CHANGES[words](copy)
    assert any(words in line for line in compare.tree(original, copy)), compare.tree(original, copy)


def test_skipped_paths_count_in_neither_tree(trees):
    original, copy = trees
    (original / "folder" / "x.lock").write_text("")
    (copy / "other.lock").write_text("")
    os.utime(copy, ns=(0, os.stat(original).st_mtime_ns))
    assert compare.tree(original, copy, skip=["*.lock"]) == []


LDIF = """version: 1

# entry-id: 1
dn: dc=example,dc=org
objectClass: top
objectClass: domain
description: a long line that is fol
 ded
cn:: SsO2cmc=

dn: ou=People,dc=example,dc=org
ou: People
"""
SAME_LDIF = """dn: OU=People,dc=example,dc=org
OU: People

dn: dc=example,dc=org
objectClass: domain
objectClass: top
cn:: SsO2
 cmc=
description: a long line that is folded
"""


def test_ldif_is_compared_by_content(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(LDIF)
    theirs.write_text(SAME_LDIF)
    assert compare.ldif(ours, theirs) == []
    theirs.write_text(SAME_LDIF.replace("domain", "Domain"))
    assert compare.ldif(ours, theirs) == ["dc=example,dc=org: lost objectclass: b'domain'",
                                          "dc=example,dc=org: gained objectclass: b'Domain'"]
    assert compare.ldif(ours, theirs, ignore=["objectclass"]) == []
    assert compare.ldif(ours, theirs, without=["dc=org"]) == []
    theirs.write_text(SAME_LDIF[SAME_LDIF.index("dn: dc"):])
    assert compare.ldif(ours, theirs) == ["missing entry: ou=people,dc=example,dc=org"]


SQL = r"""-- MariaDB dump 10.19
/*!40101 SET NAMES utf8mb4 */;
DROP TABLE IF EXISTS `t`;
CREATE TABLE `t` (
  `id` int(11) NOT NULL,
  `v` text DEFAULT ';--'
) ENGINE=InnoDB AUTO_INCREMENT=7;
LOCK TABLES `t` WRITE;
INSERT INTO `t` VALUES
(1,'it''s; (a) \' row\\'),
(2,NULL);
UNLOCK TABLES;
CREATE TABLE `cache` (`k` int(11));
INSERT INTO `cache` VALUES (1),(2);
-- Dump completed
"""


def test_sql_is_compared_by_content(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(SQL)
    theirs.write_text(SQL.replace("(1,'it''s; (a) \\' row\\\\'),\n(2,NULL)", "(2,NULL),(1,'it''s; (a) \\' row\\\\')")
                      .replace("AUTO_INCREMENT=7", "AUTO_INCREMENT=9"))
    assert compare.sql(ours, theirs) == []
    theirs.write_text(SQL.replace("it''s", "it''z"))
    assert "1 rows lost, 1 gained" in compare.sql(ours, theirs)[0]
    theirs.write_text(SQL.replace("int(11) NOT", "int(12) NOT"))
    assert [line.split(":")[0] for line in compare.sql(ours, theirs)] == ["lost", "gained"]


def test_rows_of_caches_may_be_missing_but_not_their_schema(tmp_path):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(SQL)
    theirs.write_text(SQL.replace("INSERT INTO `cache` VALUES (1),(2);\n", ""))
    assert compare.sql(ours, theirs, without_rows=["cache"]) == []
    assert compare.sql(ours, theirs) != []
    theirs.write_text(SQL.replace("CREATE TABLE `cache` (`k` int(11));\n", ""))
    assert compare.sql(ours, theirs, without_rows=["cache"]) != []
