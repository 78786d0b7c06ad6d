#!/usr/bin/env python3
"""The man pages are good mdoc and have no gap; the completion script is what the program prints."""
import pathlib
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
build = pathlib.Path(sys.argv[1])
problems = []

pages = sorted((build / "man").glob("*.[0-9]"))
expected = {page.name.removesuffix(".in") for page in (root / "deploy/man").glob("*.in")}
problems += [f"man page {name} was not built" for name in sorted(expected - {page.name for page in pages})]
for page in pages:
    found = subprocess.run(["mandoc", "-T", "lint", "-W", "style", page], capture_output=True, text=True)
    # Generated text is not wrapped; outside a BSD nobody knows the system's version, and our pages are not installed.
    lines = [line for line in (found.stdout + found.stderr).splitlines()
             if "longer than 80 bytes" not in line and "operating system explicitly" not in line
             and "referenced manual not found" not in line]
    problems += [line.removeprefix("mandoc: ") for line in lines]
    if "@" in page.read_text().replace("@%-", ""):
        problems.append(f"{page.name}: a placeholder is left")

printed = subprocess.run([build / "koffer", "completion", "bash"], capture_output=True, text=True, check=True).stdout
if printed != (root / "deploy/completion/koffer").read_text():
    problems.append("deploy/completion/koffer is old; koffer completion bash > deploy/completion/koffer")
if subprocess.run(["bash", "-n"], input=printed, text=True).returncode != 0:
    problems.append("koffer completion bash prints what bash does not understand")

print("\n".join(problems) or f"pages: ok ({len(pages)} man pages)")
sys.exit(bool(problems))
