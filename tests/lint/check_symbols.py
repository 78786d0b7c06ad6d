#!/usr/bin/env python3
"""Every global symbol of foo.c starts with foo_ (or with its folder's name): nm tells the truth.

A module whose header is foo.h may be split into foo_*.c, which then share the name foo_."""
import pathlib
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
build = pathlib.Path(sys.argv[1])
exceptions = {"main", "rc_name", "rc_is_transient"}  # vocabulary that belongs to error.c
problems = []
for obj in sorted(build.rglob("*.c.o")):
    source = re.sub(r"^.*?\.dir/", "", obj.as_posix()).removesuffix(".o")
    if (build / "tests") in obj.parents or "gen/" in source:
        continue
    stem, folder = pathlib.Path(source).stem, pathlib.Path(source).parent.name
    words = stem.split("_")
    families = ["_".join(words[:n]) for n in range(1, len(words))]
    family = [f + "_" for f in families if (root / source).with_name(f + ".h").exists()]
    listing = subprocess.run(["nm", "--defined-only", "-g", obj], capture_output=True, text=True).stdout
    for line in listing.splitlines():
        symbol = line.split()[-1]
        if symbol.startswith(("__", "_")) or symbol in exceptions:
            continue
        if symbol != stem and not symbol.startswith((stem + "_", folder + "_", *family)):
            problems.append(f"{source}: '{symbol}' should start with {stem}_ or {folder}_, or be static")
print("\n".join(problems) or "symbols: ok")
sys.exit(bool(problems))
