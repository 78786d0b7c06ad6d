"""A compromised agent with all its keys: its data streams, its records, and what it says of others' jobs."""
import time

from attack_world import ATTACKER, VICTIM, Succeeded, stopped, verify_is_whole
from hand_agent import blob
from peer import Control, Data, schema

# ---- data streams of a compromised agent

def stream_of(world, job, token, name=ATTACKER):
    data = Data.dial(world.here.data, world.identity(name))
    data.hello(job, token)
    return data


def a_guessed_token(world):
    order = world.order(ATTACKER, "CAPTURE")
    return stopped(lambda: stream_of(world, order["job"], bytes(32)), "denied")


def anothers_token(world):
    order = world.order(VICTIM, "CAPTURE")
    return stopped(lambda: stream_of(world, order["job"], order["token"]), "denied")


def a_token_used_twice(world):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]):
        return stopped(lambda: stream_of(world, order["job"], order["token"]), "denied")


def a_token_of_a_job_that_is_over(world):
    order = world.order(ATTACKER, "CAPTURE")
    world.here.cli("cycle", "cancel")
    world.agent(ATTACKER).result(order["job"], code=2, text="cancelled")
    world.serve(0)
    return stopped(lambda: stream_of(world, order["job"], order["token"]), "denied")


def reading_in_a_capture(world):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]) as data:
        return stopped(lambda: data.get(world.agent(ATTACKER).root), "denied")


def going_on_after_the_end(world):
    """What was finished is the cycle's: the stream that brought it cannot finish it again, nor give it up so."""
    agent, words = world.agent(ATTACKER), []

    def capture(order):
        with stream_of(world, order["job"], order["token"]) as data:
            data.put(agent.root, agent.blob)
            data.finish()
            words.append(stopped(data.finish, "denied"))
        return {"root_id": agent.root, "totals": {"files": 1, "directories": 1, "bytes": 100}}
    agent.on["CAPTURE"] = capture
    world.cycle()
    world.before = world.snapshot()
    return words[0]


def reading_anothers_in_a_capture(world):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]) as data:
        return stopped(lambda: data.get(world.agent(VICTIM).root), "denied")


def unknown_data_frame(world, number):
    order = world.order(ATTACKER, "CAPTURE")
    with stream_of(world, order["job"], order["token"]) as data:
        def attack():
            data.send(number, b"x" * 32)
            return data.receive()
        return stopped(attack)


def poisoning(world):
    """Other bytes under the name of a blob that the victim believes stored."""
    order = world.order(ATTACKER, "CAPTURE")
    root = world.agent(VICTIM).root
    with stream_of(world, order["job"], order["token"]) as data:
        def attack():
            data.put(root, blob("poison")[1])
            return data.finish()
        words = stopped(attack)
    verify_is_whole(world)
    return words


def overwriting(world):
    """A blob of one's own again, with another body: it has another name, so nothing is overwritten."""
    order = world.order(ATTACKER, "CAPTURE")
    name, data_of = world.agent(ATTACKER).root, bytearray(world.agent(ATTACKER).blob)
    data_of[-1] ^= 1
    with stream_of(world, order["job"], order["token"]) as data:
        def attack():
            data.put(name, bytes(data_of))
            return data.finish()
        words = stopped(attack)
    verify_is_whole(world)
    return words


def restore_order(world):
    """A restore through the attacker, of its own archive: the order with its token."""
    agent = world.agent(ATTACKER)
    asked = world.here.json("full", "list")["fulls"][0]["full"]
    with Control.local(world.here.top / "run/control") as root:
        job = root.ask("RESTORE_FILES", {"full": asked, "source": f"{ATTACKER}.data", "agent": ATTACKER, "path": "",
                                         "target": str(world.here.top / "restored")})["job"]
    return agent.next_order(), job


def in_a_restore(world, attack):
    order, job = restore_order(world)
    try:
        with stream_of(world, order["job"], order["token"]) as data:
            data.get(world.agent(ATTACKER).root)  # what was ordered is served
            return stopped(lambda: attack(data), "denied")
    finally:
        world.agent(ATTACKER).result(order["job"], code=2, text="over")


def fetching_anothers_blob_in_a_restore(world):
    return in_a_restore(world, lambda data: data.get(world.agent(VICTIM).root))


def writing_in_a_restore(world):
    def attack(data):
        data.put(*blob("new"))
        return data.finish()
    return in_a_restore(world, attack)


def asking_in_a_restore(world):
    return in_a_restore(world, lambda data: data.have([world.agent(VICTIM).root]))


# ---- records of a compromised agent

def lying_record(world, expected_words, **lie):
    """A cycle in which the attacker signs something else than it was asked for."""
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    if callable(lie.get("root")):
        lie["root"] = lie["root"](world)
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, **{key: value(world, order) if callable(value) else value
                                                                      for key, value in lie.items()})}
    return judge_cycle(world, number, expected_words)


def judge_cycle(world, number, expected_words):
    done = world.serve(number)
    own = next(s for s in done["sources"] if s["agent"] == ATTACKER)
    other = next(s for s in done["sources"] if s["agent"] == VICTIM)
    if done["state"] == "full":
        raise Succeeded(f"the cycle became a full: {own}")
    if expected_words not in own["problem"] + done["problem"]:
        raise Succeeded(f"ended otherwise: {own['problem']!r} {done['problem']!r}")
    kept = "; the other host's archive was kept" if other["state"] == "done" else ""
    return f"detected (cycle {done['state']}{kept})"


def spliced_record(world):
    """The victim's own record of the last full, handed in by the attacker."""
    number = world.here.start_cycle()
    world.agent(ATTACKER).on["SEAL"] = lambda order: {"record": world.last_record[VICTIM]}
    return judge_cycle(world, number, "not the one that was asked for")


def replayed_record(world):
    number = world.here.start_cycle()
    world.agent(ATTACKER).on["SEAL"] = lambda order: {"record": world.last_record[ATTACKER]}
    return judge_cycle(world, number, "not the one that was asked for")


def a_root_that_was_never_uploaded(world):
    number = world.here.start_cycle()
    agent = world.agent(ATTACKER)
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, root=blob("never sent")[0])}
    done = world.serve(number)
    states = {s["agent"]: s["state"] for s in done["sources"]}
    if states[ATTACKER] != "failed" or done["state"] == "full":
        raise Succeeded(f"committed with a missing root: {done}")
    if done["state"] != "incomplete" or states[VICTIM] != "done":
        raise Succeeded(f"no host's archive is kept: {done}")
    return "detected (left out; the other host's archive was kept)"


def times_of_its_own(world, offset_years):
    """The forget attack: a capture that claims another time must not push others out, or be newer than it is."""
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    shift = offset_years * 365 * 86400 * 10**9
    agent.on["SEAL"] = lambda order: {"record": agent.record(order, started=time.time_ns() + shift,
                                                             finished=time.time_ns() + shift)}
    done = world.serve(number)
    if done["state"] != "full":
        return f"detected (cycle {done['state']})"
    newest = world.here.json("full", "list")["fulls"][0]
    sealed = newest["sealed"][:4]
    if newest["full"] != number or sealed != time.strftime("%Y", time.gmtime()):
        raise Succeeded(f"the agent's time counts: {newest}")
    world.before = world.snapshot()
    return "without effect (the controller's number and time order fulls)"


def shrunken_archive(world):
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    agent.on["CAPTURE"] = lambda order: {**agent.capture(order), "totals": {"files": 1, "bytes": 1}}
    done = world.serve(number)
    own = next(s for s in done["sources"] if s["agent"] == ATTACKER)
    world.before = world.snapshot()
    if not any(w.startswith("suspect") for w in own["warnings"]):
        raise Succeeded(f"an archive of a hundredth of its size is not suspected: {own}")
    return "detected (suspect)"


# ---- an agent against other agents

def result_for_anothers_job(world):
    order = world.order(VICTIM, "CHECK")
    agent = world.agent(ATTACKER)
    agent.result(order["job"], code=11, text="the disk is broken, believe me")
    agent.control.wait_closed()
    state = next(s["state"] for s in world.here.cycle()["sources"] if s["agent"] == VICTIM)
    if state != "check":
        raise Succeeded(f"the victim's source is {state}")
    return "refused (connection closed)"


def hello_with_anothers_jobs(world):
    order = world.order(VICTIM, "CHECK")
    world.agent(ATTACKER).hello(jobs=[order["job"]])
    world.agent(ATTACKER).control.send("STEP_PROGRESS", {"job": order["job"], "phase": "mine now"})
    world.agent(ATTACKER).control.wait_closed()
    state = next(s["state"] for s in world.here.cycle()["sources"] if s["agent"] == VICTIM)
    if state != "check":
        raise Succeeded(f"the victim's source is {state}")
    return "refused (connection closed)"


def a_hello_that_is_replayed(world):
    """The same words once more, on another connection: they say nothing about who speaks."""
    sources = [{"name": "data", "kind": "files", "required": True}]
    hello = schema.encode("AgentHello", {"protocol_min": 1, "protocol_max": 1, "session": 1, "sources": sources})
    with Control.dial(world.here.control, world.identity(ATTACKER)) as control:
        control.ask("AGENT_HELLO", body=hello)
        states = {a["name"]: a["state"] for a in world.here.json("agent", "list")["agents"]}
        if states[VICTIM] != "connected":
            raise Succeeded(f"the victim is {states[VICTIM]}")
        world.agent(VICTIM).hello()  # the victim's connection is untouched
    return "without effect (who speaks is what the certificate says)"


def standing_in_the_way(world):
    """The attacker never answers; the others' archives are committed all the same, and the cycle says what is missing."""
    agent, number = world.agent(ATTACKER), world.here.start_cycle()
    agent.on["CAPTURE"] = lambda order: {"code": 11, "text": "no"}
    done = world.serve(number)
    states = {s["agent"]: s["state"] for s in done["sources"]}
    if states[VICTIM] != "done" or done["state"] == "full":
        raise Succeeded(f"{done['state']}: {states}")
    return "detected (cycle incomplete; the other host's archive was kept)"


def ten_thousand_sources(world):
    sources = [{"name": f"s{n}", "kind": "files"} for n in range(3000)]
    agent = world.agent(ATTACKER)
    agent.control.send("AGENT_SOURCES", {"sources": sources})
    agent.control.wait_closed()
    return "refused (connection closed)"
