#!/usr/bin/python3
"""Campaign: every fuzz target goes on from its corpus.  A case is a turn: each target for its seconds of processor time (SECONDS: half a
minute for what a stranger's bytes reach first, less for the others), as many at a time as there are processors.  Without --cases the
turns go on until each target has run 50 million inputs.

What the fuzzers learn is kept in the state directory, so that the next turn begins there.  An input that breaks something is a
violation; it is kept in build/fuzz/found, and goes into tests/fuzz/corpus with the fix.  `fuzz.py minimise` writes what the turns
have learnt into tests/fuzz/corpus: for each target the few inputs that together reach all that is reached, but no more than fit.
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from campaign import Campaign  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARIES, FUZZ = ROOT / "build" / "fuzz" / "tests", ROOT / "tests" / "fuzz"
FOUND = ROOT / "build" / "fuzz" / "found"
ENOUGH = 50_000_000
SECONDS, SECONDS_OF_OTHERS = 30, 4
LONG = """blob certificate config dump_trailer frame imapdconf ldif_count mailbox_list message node pack paper_key record_archive
record_full token""".split()
CORPUS_BYTES = 32 * 1024  # that a target may add to the repository


def targets():
    return sorted(source.stem for source in FUZZ.glob("*/fuzz_*.c"))


class Target:
    """One fuzzer with what it knows."""

    def __init__(self, name, state):
        self.name, self.grown, self.counted = name, state / name, state / f"{name}.json"
        self.grown.mkdir(parents=True, exist_ok=True)
        self.executions = json.loads(self.counted.read_text()) if self.counted.exists() else 0
        self.covered = 0
        self.seconds = SECONDS if name.removeprefix("fuzz_") in LONG else SECONDS_OF_OTHERS
        self.lock = threading.Lock()

    def command(self, *options):
        words = [str(BINARIES / self.name), "-timeout=10", "-rss_limit_mb=2560", "-print_final_stats=1", *options]
        dictionary = FUZZ / "dictionaries" / f"{self.name}.dict"
        return words + ([f"-dict={dictionary}"] if dictionary.exists() else [])

    def run(self, seed):
        """-> what is wrong, or None.  Others may use the processor meanwhile: then it takes longer, from where it was."""
        left, wrong = self.seconds, None
        while left >= 1 and wrong is None:
            used, wrong = self.run_for(round(left), seed)
            left -= max(used, 1)
            seed += 1
        return wrong

    def run_for(self, seconds, seed):
        """-> seconds of processor time, and what is wrong, or None."""
        FOUND.mkdir(parents=True, exist_ok=True)
        words = self.command(f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={FOUND}/{self.name}-",
                             str(self.grown), str(FUZZ / "corpus" / self.name))
        with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace") as process:
            said = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        return usage.ru_utime + usage.ru_stime, self.judge(subprocess.CompletedProcess(words, process.returncode, said))

    def judge(self, done):
        ran = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
        self.executions += int(ran[1]) if ran else 0
        self.covered = max(map(int, re.findall(r"\bcov: (\d+)", done.stdout)), default=0)
        self.counted.write_text(json.dumps(self.executions))
        if done.returncode != 0:
            return self.explain(done)
        return None if self.covered > 0 else f"{self.name} covers nothing: is it built with -fsanitize=fuzzer?"

    def explain(self, done):
        saved = re.findall(r"Test unit written to (\S+)", done.stdout)
        kind = re.findall(r"SUMMARY: (.*)", done.stdout)
        print(done.stdout[-6000:])
        return f"{self.name}: exit status {done.returncode}: {' '.join(kind) or 'no summary'}; input: {' '.join(saved) or 'none saved'}"

    def minimise(self):
        """The inputs that nothing smaller replaces, smallest first, until they fill the space."""
        kept = FUZZ / "corpus" / self.name
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(self.command("-merge=1", "-use_value_profile=0", folder, str(kept), str(self.grown)), check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            there = {path.read_bytes() for path in kept.iterdir()}
            added = 0
            for path in sorted(pathlib.Path(folder).iterdir(), key=lambda p: p.stat().st_size):
                content = path.read_bytes()
                if content not in there and added + len(content) <= CORPUS_BYTES:
                    (kept / f"grown_{path.name[:8]}").write_bytes(content)
                    added += len(content)
        print(f"{self.name}: {added} bytes added")


def turn(campaign, case, chosen):
    chosen = sorted(chosen, key=lambda target: -target.seconds)  # so that none is left at the end
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        seeds = [case.random.randrange(1, 1 << 31) for _ in chosen]
        for wrong in pool.map(Target.run, chosen, seeds):
            if wrong:
                campaign.violation(wrong)


def state_folder():
    return pathlib.Path(os.environ.get("KOFFER_CAMPAIGN_STATE", ROOT / "build" / "campaign" / "fuzz"))


def main():
    all_targets = [Target(name, state_folder()) for name in targets()]
    if sys.argv[1:2] == ["minimise"]:
        for target in all_targets:
            target.minimise()
        return
    if unknown := {f"fuzz_{name}" for name in LONG} - {target.name for target in all_targets}:
        sys.exit(f"fuzz.py: LONG names {min(unknown)}, which is no target")
    campaign = Campaign()
    for case in campaign.cases(ENOUGH):
        unfinished = [t for t in all_targets if campaign.wanted or t.executions < ENOUGH]
        if not unfinished:
            break
        turn(campaign, case, unfinished)
    campaign.figure("targets", len(all_targets))
    campaign.figure("executions", sum(t.executions for t in all_targets))
    campaign.figure("fewest", min(t.executions for t in all_targets))
    campaign.end()


if __name__ == "__main__":
    main()
