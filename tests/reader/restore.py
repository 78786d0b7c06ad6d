"""Writes a tree into a new directory, as root: bytes, mode, owner, times, attributes, hard links, holes.

    restore(tree, "/srv/back")          # makes /srv/back/fs, /srv/back/export
"""
import os
import stat

from node import BLOCK, CHARACTER, DIRECTORY, FIFO, FILE, SOCKET, SYMLINK

KINDS = {FIFO: stat.S_IFIFO, SOCKET: stat.S_IFSOCK, CHARACTER: stat.S_IFCHR, BLOCK: stat.S_IFBLK}


def restore(tree, folder):
    folder = os.fsencode(folder)
    os.mkdir(folder, 0o700)  # refuses what is there
    links, directories = {}, []
    for path, entry in tree.walk():
        place = os.path.join(folder, path)
        if entry.type == DIRECTORY:
            os.mkdir(place, 0o700)
            directories.append((place, entry))
        elif entry.link and entry.link in links:
            os.link(links[entry.link], place, follow_symlinks=False)
        else:
            make(tree, entry, place)
            dress(entry, place)
            if entry.link:
                links[entry.link] = place
    for place, entry in reversed(directories):  # what is put into a directory changes its times
        dress(entry, place)


def make(tree, entry, place):
    if entry.type == FILE:
        with open(place, "xb") as file:
            for offset, data in tree.content(entry):
                file.seek(offset)
                file.write(data)
            file.truncate(sum(piece.length for piece in entry.pieces))  # less than the size if unreadable
    elif entry.type == SYMLINK:
        os.symlink(entry.target, place)
    else:
        os.mknod(place, KINDS[entry.type] | 0o600, os.makedev(*(entry.device or (0, 0))))


def dress(entry, place):
    """A change of owner takes capabilities and set-id bits away, so it comes first; times come last."""
    os.chown(place, entry.user.number, entry.group.number, follow_symlinks=False)
    for name, value in entry.attributes.items():
        os.setxattr(place, name, value, follow_symlinks=False)
    if entry.type != SYMLINK:
        os.chmod(place, entry.mode)
    os.utime(place, ns=(entry.mtime, entry.mtime), follow_symlinks=False)
