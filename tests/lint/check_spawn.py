#!/usr/bin/env python3
"""Other programs are started by common/sys/process alone (H1), and no text anywhere names a shell."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
HOME = {"common/sys/process_spawn.c": {"fork", "execve", "setsid"}, "common/sys/process_half.c": {"fork"}}
CALLS = re.compile(r"\b(execl|execlp|execle|execv|execvp|execvpe|execve|execveat|fexecve|posix_spawnp?|system|popen|v?fork|clone3?"
                   r"|daemon|wordexp)\s*\(")
SHELL = re.compile(r'"(/usr)?/bin/(ba|da|k|z)?sh\b|"sh"|"-c"')
TEXT = re.compile(r'"(\\.|[^"\\])*"')
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)


def blank(match):
    """Comments go, lines stay."""
    return "\n" * match[0].count("\n")


problems = []
for folder in ("agent", "common", "controller", "proto"):
    for source in sorted((root / folder).rglob("*.[ch]")):
        name = source.relative_to(root).as_posix()
        for number, line in enumerate(COMMENT.sub(blank, source.read_text()).splitlines(), 1):
            for call in CALLS.findall(TEXT.sub('""', line)):
                if call not in HOME.get(name, ()):
                    problems.append(f"{name}:{number}: {call}(): programs are started by process_start() only")
            if SHELL.search(line):
                problems.append(f"{name}:{number}: a shell")

# What is started is named by an absolute path that stands in the source.
for source in sorted(root.glob("agent/**/*.c")) + sorted(root.glob("controller/**/*.c")):
    name = source.relative_to(root).as_posix()
    for number, line in enumerate(source.read_text().splitlines(), 1):
        first = re.search(r"\bargv(?:\[\])? = \{\s*\"([^\"]*)\"", line)
        if first and not first[1].startswith("/"):
            problems.append(f"{name}:{number}: '{first[1]}' is no absolute path")
print("\n".join(problems) or "spawn: ok")
sys.exit(bool(problems))
