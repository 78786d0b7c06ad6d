"""The vault is what docs/formats says: a reader written from these pages alone (tests/reader) restores from it.

The golden vaults are read for ever; the cluster's vault shows that today's programs still write what the pages say.
"""
import pathlib
import random
import re
import shutil
import sys

import compare
import koffer as programs
import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path.append(str(TESTS / "reader"))

import blob  # noqa: E402
import keys  # noqa: E402
import reader  # noqa: E402
from cursor import Corrupt, Cursor  # noqa: E402
from node import Node  # noqa: E402
from record import Full  # noqa: E402
from restore import restore  # noqa: E402
from tree import Tree  # noqa: E402
from vault import Vault, check_pack, walk_pack  # noqa: E402
from verify import verify  # noqa: E402

PAPER = re.compile(r"KFR1(-[0-9A-Z]{4,8})+")
GOLDEN = sorted((TESTS / "golden").glob("vault-*"))


def copy_vault(path, folder):
    """What an index or a lock could not help with is left behind."""
    for name in ("packs", "fulls", "envelopes"):
        if (path / name).exists():
            shutil.copytree(path / name, folder / name)
    shutil.copy(path / "format", folder / "format")
    return folder


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1:]


def flip(path, at):
    path.write_bytes(flipped(path.read_bytes(), at))


def one(folder, pattern):
    return sorted(folder.glob(pattern))[0]


def archive_of(vault, key, number, title):
    full = vault.full(number)
    return Tree(vault, vault.open_root(full, full.archive(title), key))


# ---- golden vaults

@pytest.fixture(params=GOLDEN, ids=lambda path: path.name)
def golden(request):
    return request.param


@pytest.fixture
def key(golden):
    return reader.key_of(f"@{golden / 'recovery-key.txt'}")


@pytest.fixture
def copied(golden, tmp_path):
    return copy_vault(golden / "vault", tmp_path)


def test_golden_vault_holds_what_it_was_given(golden, key):
    expected = [line.split("\t", 1) for line in (golden / "expected.txt").read_text().splitlines()]
    fulls = Vault(golden / "vault").fulls()
    assert [full.number for full in fulls] == [1, 2]
    for full in fulls:
        vault = Vault(golden / "vault")
        tree = Tree(vault, vault.open_root(full, full.archives[0], key))
        assert sorted(reader.listing(tree)) == sorted(line for numbers, line in expected if str(full.number) in numbers)


def test_golden_vault_says_when_it_was_cut_since_records_do(golden):
    for full in Vault(golden / "vault").fulls():
        archive = full.archives[0]
        if full.version == 1:
            assert (full.skew, archive.clock, archive.cut_until, archive.facts) == (-1, None, 0, [])
            continue
        assert full.skew == 0 and full.started < archive.cut_from < archive.cut_until < archive.finished
        assert dict(archive.facts)["cut.driver"] == "btrfs"
        assert 0 < archive.clock[1] < 1_000_000 and abs(archive.clock[0]) <= archive.clock[1]


def test_golden_vault_verifies_with_and_without_its_key(golden, key):
    assert verify(Vault(golden / "vault")) == []
    assert verify(Vault(golden / "vault"), key) == []


def test_golden_vault_restores_and_shows_its_holes_and_links(golden, key, tmp_path):
    restore(archive_of(Vault(golden / "vault"), key, 1, "host1.data"), tmp_path / "out")
    data = tmp_path / "out/fs/srv/data"
    assert (data / "text").stat().st_ino == (data / "links/hard").stat().st_ino
    assert (data / "sparse").stat().st_blocks < 100 and (data / "sparse").stat().st_size == 64 << 20
    assert data.stat().st_mtime_ns == 1700000000123456789
    assert len(list((data / "many").iterdir())) == 1500


def test_golden_vault_without_a_table_is_found_from_the_front(golden, key, copied):
    for path in copied.glob("packs/*/*"):
        flip(path, path.stat().st_size - 1)
    tree, whole = (archive_of(Vault(path), key, 2, "host1.data") for path in (copied, golden / "vault"))
    assert list(reader.listing(tree)) == list(reader.listing(whole))


def test_a_damaged_blob_is_stepped_over_when_a_pack_is_walked(golden):
    vault = Vault(golden / "vault")
    for path, _ in vault.packs():
        data = path.read_bytes()
        places = list(walk_pack(data, vault.id, path))
        for number in (0, len(places) // 2, len(places) - 1):
            found = list(walk_pack(flipped(data, places[number].offset + 50), vault.id, path))
            assert found == places[:number] + places[number + 1:]


def test_every_damaged_byte_of_a_record_is_found(golden):
    for path in golden.glob("vault/fulls/*"):
        data = path.read_bytes()
        Full(data)
        for at in range(len(data)):
            with pytest.raises(Corrupt):
                Full(flipped(data, at))
            with pytest.raises(Corrupt):
                Full(data[:at])


def test_damaged_bytes_of_a_pack_are_found_whatever_its_name(golden):
    """check_pack does not know what the file should be called."""
    vault = Vault(golden / "vault")
    for path, _ in vault.packs():
        data = path.read_bytes()
        check_pack(data, vault.id, path)
        for at in [*range(0, 200), *range(200, len(data) - 500, 97), *range(len(data) - 500, len(data))]:
            with pytest.raises(Corrupt):
                check_pack(flipped(data, at), vault.id, path)


def test_verify_finds_a_flipped_byte_wherever_it_is(copied):
    chance = random.Random("flips")
    for pattern in ("packs/*/*", "fulls/*", "envelopes/*"):
        for path in sorted(copied.glob(pattern)):
            for at in {0, path.stat().st_size - 1, *(chance.randrange(path.stat().st_size) for _ in range(5))}:
                flip(path, at)
                assert any(path.name in line for line in verify(Vault(copied))), (path, at)
                flip(path, at)
    assert verify(Vault(copied)) == []


def test_verify_names_what_a_lost_file_takes_with_it(copied):
    one(copied, "packs/*/*").unlink()
    assert any("is not there" in line for line in verify(Vault(copied)))


def test_verify_finds_a_record_that_was_taken_out_of_its_chain(copied):
    one(copied, "fulls/0000000001-*").unlink()
    problems = verify(Vault(copied))
    assert any("full 2" in line for line in problems) and any("host1: archive 2" in line for line in problems)


def test_what_is_read_as_a_node_is_a_node_or_refused(golden, key):
    """Whatever the bytes: nothing but Corrupt comes out."""
    chance, tree = random.Random("nodes"), archive_of(Vault(golden / "vault"), key, 1, "host1.data")
    for path in (b"fs", b"fs/srv/data", b"fs/srv/data/links"):
        reference = tree.find(path).child
        header, plain = tree.open(reference, blob.NODE)
        for _ in range(1000):
            mutant = bytearray(plain)
            mutant[chance.randrange(len(mutant))] = chance.choice([0, 1, 127, 128, 255, chance.randrange(256)])
            del mutant[chance.choice([len(mutant), chance.randrange(len(mutant))]):]
            try:
                Node(header, bytes(mutant), reference.id)
            except Corrupt:
                pass


def test_another_key_opens_nothing(golden):
    with pytest.raises(Corrupt, match="not sealed to this key"):
        archive_of(Vault(golden / "vault"), keys.RecoveryKey(bytes(range(32))), 1, "host1.data")


def test_the_paper_form_forgives_what_it_promises(golden):
    paper = (golden / "recovery-key.txt").read_text().strip()
    key = keys.RecoveryKey.from_paper(paper)
    forgiven = paper[:4] + paper[4:].lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert keys.RecoveryKey.from_paper(forgiven).public == key.public
    with pytest.raises(Corrupt, match="check"):
        keys.RecoveryKey.from_paper(paper[:6] + ("2" if paper[6] != "2" else "3") + paper[7:])


@pytest.mark.parametrize("bad", ["80", "8000", "ff" * 10 + "01", "80" * 10, "ff" * 9 + "02"])
def test_a_varint_has_one_form(bad):
    with pytest.raises(Corrupt):
        Cursor(bytes.fromhex(bad), "test").varint()


# ---- the cluster's vault

@pytest.fixture(scope="module")
def full(koffer):
    koffer.cycle()
    return int(koffer.newest_full())


@pytest.fixture(scope="module")
def recovery_key(koffer):
    return PAPER.search(koffer.recovery_sheet)[0]


@pytest.fixture(scope="module")
def restored(koffer, full, recovery_key, tmp_path_factory):
    """By the command, as somebody would who has nothing but the vault's disk and the sheet of paper."""
    folder = tmp_path_factory.mktemp("read")
    for host, sources in programs.SOURCES.items():
        for source in sources:
            words = ["restore", str(full), f"{host}.{source}", str(folder / f"{host}.{source}")]
            assert reader.main([str(koffer.vault()), "--key", recovery_key, *words]) == 0
    return folder


@pytest.mark.limit(120)
def test_reader_restores_the_trees_of_the_cluster(cluster, restored):
    assert programs.files_differences(cluster, restored / "db1.data") == []
    assert programs.imap_differences(cluster, restored / "imap1.mail") == []


@pytest.mark.limit(120)
def test_reader_restores_what_koffer_restores(koffer, restored):
    """Everything, exports of the servers' tools among it."""
    theirs = koffer.restore_all("/srv/read-by-koffer")
    assert {path.name for path in theirs.iterdir()} == {path.name for path in restored.iterdir()}
    for path in theirs.glob("*/*"):  # fs and export; what is above was made by who restored
        assert compare.tree(path, restored / path.relative_to(theirs)) == []


@pytest.mark.limit(120)
def test_reader_verifies_the_vault_of_the_cluster(koffer, full, recovery_key):
    assert verify(Vault(koffer.vault()), keys.RecoveryKey.from_paper(recovery_key)) == []


@pytest.mark.limit(120)
def test_reader_finds_flipped_bytes_in_the_vault_of_the_cluster(koffer, full, tmp_path):
    copied = copy_vault(koffer.vault(), tmp_path)
    largest = max(copied.glob("packs/*/*"), key=lambda path: path.stat().st_size)
    flip(largest, largest.stat().st_size // 2)
    flip(record := sorted(copied.glob("fulls/*"))[-1], 100)
    problems = verify(Vault(copied))
    assert any(largest.name in line for line in problems) and any(record.name in line for line in problems)


def test_packs_of_the_cluster_are_the_same_from_the_front_and_by_their_tables(koffer, full):
    vault = Vault(koffer.vault())
    for path, _ in vault.packs():
        data = path.read_bytes()
        assert check_pack(data, vault.id, path)[0] == list(walk_pack(data, vault.id, path))
