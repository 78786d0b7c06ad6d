#!/usr/bin/env python3
"""Check every #include against layers.txt: ours by layer, libraries by folder.  Paths are relative to the root."""
import fnmatch
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
allowed, libraries = {}, {}
for line in (root / "tests/lint/layers.txt").read_text().splitlines():
    line = line.split("#")[0].strip()
    if line.startswith("<"):
        library, folders = line[1:].split(">")
        libraries[library.strip()] = folders.split()
    elif line:
        layer, uses = line.split(":")
        allowed[layer.strip()] = uses.split()


def layer_of(path):
    hits = [layer for layer in allowed if path.startswith(layer + "/")]
    return max(hits, key=len, default=None)


problems = []
for layer_dir in sorted({layer.split("/")[0] for layer in allowed}):
    for source in sorted((root / layer_dir).rglob("*.[ch]")):
        name = source.relative_to(root).as_posix()
        here = layer_of(name)
        for number, text in enumerate(source.read_text().splitlines(), 1):
            library = re.match(r"\s*#\s*include\s+<([^>]+)>", text)
            for prefix, folders in libraries.items():
                if library and library[1].startswith(prefix) and not name.startswith("tests/"):
                    if not any(name.startswith(folder + "/") for folder in folders):
                        problems.append(f"{name}:{number}: <{library[1]}> belongs to {', '.join(folders)}")
            match = re.match(r'\s*#\s*include\s+"([^"]+)"', text)
            if not match:
                continue
            there = layer_of(match[1])
            if here is None or there is None:
                problems.append(f"{name}:{number}: '{match[1]}' belongs to no layer")
            elif here != there and not any(fnmatch.fnmatch(there, use) for use in allowed[here]):
                problems.append(f"{name}:{number}: {here} may not include {there} ('{match[1]}')")

print("\n".join(problems) or "layers: ok")
sys.exit(bool(problems))
