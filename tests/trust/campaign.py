"""A campaign's script: cases by number, chance by seed, violations counted (tests/campaign says the rest).

    campaign = Campaign()                        # reads --cases, --seed, --from
    for case in campaign.cases(all_there_are):   # or cases(): as many as --cases says
        random.Random(...)                       # case.random: the same for the same seed and case
        if not holds(case):
            campaign.violation("full 3 is unreadable")
    campaign.each(workers, all_there_are)        # or: worker(case) in a thread for each worker, all cases shared out
    campaign.figure("kills", kills)
    campaign.end()                               # exits
"""
import argparse
import concurrent.futures
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))


class Case:
    def __init__(self, number, seed):
        self.number, self.random = number, random.Random(f"{seed}/{number}")


class Campaign:
    def __init__(self):
        parser = argparse.ArgumentParser()
        parser.add_argument("--cases", type=int, default=0)
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--from", dest="begin", type=int, default=0)
        options = parser.parse_args()
        self.wanted, self.seed, self.next = options.cases, options.seed, options.begin
        self.violations, self.told, self.lock = 0, 0, threading.Lock()
        sys.stdout.reconfigure(line_buffering=True)

    def cases(self, all_there_are=0):
        count = min(filter(None, (self.wanted, all_there_are)), default=0)
        while self.next < count:
            if time.monotonic() - self.told >= 1:
                print(f"at {self.next}")
                self.told = time.monotonic()
            self.next += 1
            yield Case(self.next - 1, self.seed)

    def each(self, workers, all_there_are=0):
        """A worker gets one case after the other; what it raises ends the campaign."""
        count = min(filter(None, (self.wanted, all_there_are)), default=0)
        open_cases = set()

        def share(worker):
            while True:
                with self.lock:
                    if self.next >= count:
                        return
                    case = Case(self.next, self.seed)
                    open_cases.add(case.number)
                    self.next += 1
                    if time.monotonic() - self.told >= 1:
                        print(f"at {min(open_cases)}")
                        self.told = time.monotonic()
                worker(case)
                with self.lock:
                    open_cases.discard(case.number)

        with concurrent.futures.ThreadPoolExecutor(len(workers)) as pool:
            for future in [pool.submit(share, worker) for worker in workers]:
                future.result()

    def violation(self, text, case=None):
        with self.lock:
            self.violations += 1
            print(f"violation {self.next - 1 if case is None else case.number} {' '.join(str(text).split())[:2000]}")

    def figure(self, name, value):
        print(f"figure {name} {value}")

    def end(self):
        print(f"done {self.next}")
        sys.exit(1 if self.violations else 0)
