"""Campaign: as many agents as a case number says are connected at once, and a cycle goes through all of them.

The agents are simulated in this process: real certificates made by the real enrolment, real TLS, hello, heartbeats, every step
answered; a capture is answered with a failure, because there is nothing to capture.  Demanded: all are connected within CONNECT_S
although they come at the same moment, the cycle asks every one of them and is a full of what is real, an operator's question takes no longer than
QUESTION_MS meanwhile (99 of 100), the controller stays below RSS_KIB and DESCRIPTORS, and answers well at the end.
"""
import asyncio
import concurrent.futures
import os
import pathlib
import statistics
import tempfile
import threading
import time

from campaign import Campaign  # first: it says where the next ones are
from host import wait_until
from hostile_peers import Place, Witness
from peer import CONTROL_HEADER, FAILURE, REPLY, schema

CONNECT_S, QUESTION_MS, RSS_KIB, DESCRIPTORS = 60, 1000, 512 * 1024, 2000
CYCLE_S = 120
BEAT_S = 5
VERBS = schema.enums["StepVerb"]


class Simulated:
    """One agent; all of them live on one event loop."""

    def __init__(self, name, identity):
        self.name, self.context = name, identity.context()
        self.taken, self.connected, self.steps = 0, asyncio.Event(), []

    async def live(self, address):
        self.reader, self.writer = await asyncio.open_connection(*address, ssl=self.context, server_hostname="controller")
        self.beat()
        self.say("AGENT_HELLO", schema.encode("AgentHello", {
            "protocol_min": 1, "protocol_max": 1, "version": "0", "system": "simulated", "clock": time.time_ns(), "session": 1,
            "sources": [{"name": "data", "kind": "files", "required": False}]}), 1)
        beats = asyncio.ensure_future(self.beat_for_ever())
        try:
            while True:
                await self.take()
        except asyncio.IncompleteReadError:  # the controller has ended, or ended us: the cycle knows which
            pass
        finally:
            beats.cancel()

    async def take(self):
        _, flags, number, size, correlation = CONTROL_HEADER.unpack(await self.reader.readexactly(CONTROL_HEADER.size))
        body = await self.reader.readexactly(size)
        if number == schema.types["HEARTBEAT"]:
            return
        self.taken += 1
        if self.taken % 8 == 0:
            self.beat()
        if number == schema.types["AGENT_HELLO"] and not flags & FAILURE:
            self.connected.set()
        elif number == schema.types["STEP"]:
            self.answer(schema.decode("StepOrder", body), correlation)

    def answer(self, order, correlation):
        self.steps.append(order["verb"])
        self.say("STEP", b"", correlation, REPLY)
        nothing = {"code": 4, "text": "there is nothing here"} if order["verb"] == VERBS["STEP_CAPTURE"] else {}
        self.say("STEP_RESULT", schema.encode("StepResult", {"job": order["job"], **nothing}), order["job"])

    def say(self, kind, body, correlation, flags=0):
        self.writer.write(CONTROL_HEADER.pack(1, flags, schema.types[kind], len(body), correlation) + body)

    def beat(self):
        self.say("HEARTBEAT", b"", self.taken)

    async def beat_for_ever(self):
        while True:
            await asyncio.sleep(BEAT_S)
            self.beat()


class Fleet:
    def __init__(self, place, count):
        self.place, self.loop = place, asyncio.new_event_loop()
        with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as pool:
            self.agents = list(pool.map(self.enroll, range(count)))
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def enroll(self, number):
        name = f"sim{number}"
        return Simulated(name, self.place.agent(name))

    def connect(self):
        """All at once; the seconds until the last one was welcome."""
        async def everybody():
            for agent in self.agents:
                asyncio.ensure_future(agent.live(self.place.addresses["control"]))
            await asyncio.gather(*(agent.connected.wait() for agent in self.agents))
        begun = time.monotonic()
        asyncio.run_coroutine_threadsafe(everybody(), self.loop).result(10 * CONNECT_S)
        return time.monotonic() - begun

    def asked(self, verb):
        return sum(VERBS[verb] in agent.steps for agent in self.agents)


def run_all(campaign, place, count):
    print(f"enrolling {count} agents")
    fleet = Fleet(place, count)
    print("they connect")
    watch = Witness(place)
    begun = time.monotonic()
    seconds = fleet.connect()
    if seconds > CONNECT_S:
        campaign.violation(f"{count} agents were connected after {seconds:.1f} s")
    done = place.pair.run("koffer", "cycle", "start", "--wait", check=False, timeout=CYCLE_S)
    cycle = place.pair.json("cycle", "show")
    if cycle["state"] != "full" or fleet.asked("STEP_CAPTURE") != count:  # what is simulated is not required
        campaign.violation(f"{fleet.asked('STEP_CHECK')} and {fleet.asked('STEP_CAPTURE')} of {count} agents were asked to check and "
                           f"capture; {cycle['state']}: {done.stdout[-300:]}")
    wait_until(lambda: watch.reader.poll(), 20, "answer to a question")
    taken, failures = watch.since(begun)
    p99 = sorted(taken)[int(len(taken) * 0.99)]
    if p99 > QUESTION_MS or failures:
        campaign.violation(f"of {len(taken)} questions 1 of 100 took {p99:.0f} ms or more; {len(failures)} failed {failures[:1]}")
    if place.status("VmHWM") > RSS_KIB or place.descriptors() > DESCRIPTORS:
        campaign.violation(f"the controller has {place.status('VmHWM')} KiB and {place.descriptors()} descriptors")
    watch.close()
    campaign.figure("connected_s", f"{seconds:.1f}")
    campaign.figure("p99_ms", f"{p99:.0f}")
    campaign.figure("median_ms", f"{statistics.median(taken):.0f}")
    campaign.figure("RSS_MiB", place.status("VmHWM") // 1024)
    campaign.figure("descriptors", place.descriptors())


def main():
    campaign = Campaign()
    with tempfile.TemporaryDirectory(prefix="koffer-fleet.") as folder:
        place = Place(pathlib.Path(folder), campaign.seed)
        try:
            for case in campaign.cases(campaign.wanted):
                pass  # each is an agent; they are of use only together
            run_all(campaign, place, campaign.next)
        finally:
            ends = place.pair.stop()
        if ends != [0, 0]:
            campaign.violation(f"exit statuses of agent and controller: {ends}")
    campaign.end()


if __name__ == "__main__":
    main()
