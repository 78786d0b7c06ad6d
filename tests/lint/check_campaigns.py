#!/usr/bin/python3
"""check_campaigns.py [--write] -- the table of campaigns in docs/testing.md is the one in tests/trust/campaigns; --write makes it so."""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE, LIST = ROOT / "docs" / "testing.md", ROOT / "tests" / "trust" / "campaigns"
BEGIN, END = "| campaign | CI | full | one case, and what is demanded |\n|---|---|---|---|\n", "\n"


def size(cases):
    return "all" if cases == "0" else f"{int(cases):,}".replace(",", " ")


def table():
    rows = [[cell.strip() for cell in line.split("|")] for line in LIST.read_text().splitlines()
            if line.strip() and not line.startswith("#")]
    return "".join(f"| `{name}` | {size(ci)} | {size(full)} | {demand} |\n" for name, _, ci, full, _, demand in rows)


def main():
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    if not begin:
        sys.exit(f"{PAGE}: no table of campaigns; it begins with: {BEGIN.splitlines()[0]}")
    old, _, after = rest.partition("\n\n")
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(before + begin + table() + END + after)
    elif old + "\n" != table():
        sys.exit(f"{PAGE.relative_to(ROOT)}: its table of campaigns is not tests/trust/campaigns: tests/lint/check_campaigns.py --write")


if __name__ == "__main__":
    main()
