"""The attackers' world: a controller, a victim, an attacker, an operator of each role; and how an attack is judged."""
import time

from hand_agent import HandAgent
from loopback import Loopback
from peer import Closed, Identity, Refused

ROLES = ("viewer", "operator", "restore", "admin")
VICTIM, ATTACKER = "mail1", "web1"


class Succeeded(Exception):
    """The attack did."""


class World:
    def __init__(self):
        self.here = Loopback()
        self.here.__enter__()
        for name in (VICTIM, ATTACKER):
            self.here.enroll_agent(name)
        for role in ROLES:
            self.here.enroll_operator(f"op-{role}", role)
        self.connect()
        self.cycle()
        self.cycle()
        self.last_record = {name: agent.sealed for name, agent in self.agents.items()}
        self.before = self.snapshot()

    def close(self):
        self.here.__exit__()

    def connect(self):
        self.agents = {name: HandAgent(self.here, name).hello() for name in (VICTIM, ATTACKER)}

    def again(self):
        """Both agents as they are meant to be, whatever an attack did to their connections."""
        for agent in self.agents.values():
            agent.close()
        self.connect()

    def agent(self, name):
        return self.agents[name]

    def identity(self, name):
        return Identity.of_agent(self.here.agent(name))

    def serve(self, number, seconds=30):
        """Both agents at once, until the cycle is over."""
        end = time.monotonic() + seconds
        for agent in self.agents.values():
            agent.control.socket.settimeout(0.02)
        while not self.here.cycle(number)["final"]:
            if time.monotonic() > end:
                raise TimeoutError(f"cycle {number} is not over after {seconds} s")
            for agent in self.agents.values():
                try:
                    agent.obey(agent.next_order())
                except (TimeoutError, Closed, Refused):
                    continue
        for agent in self.agents.values():
            agent.control.socket.settimeout(10)
        return self.here.cycle(number)

    def cycle(self):
        done = self.serve(self.here.start_cycle())
        if done["state"] != "full":
            raise RuntimeError(f"a good cycle became {done['state']}: {done['problem']} {done['sources']}")
        return done

    def order(self, name, verb):
        """The next order of that verb in a new cycle: CHECK, or CAPTURE, for which both agents have checked."""
        self.here.start_cycle()
        if verb == "CAPTURE":
            for agent in self.agents.values():
                agent.obey(agent.next_order())
        return self.agent(name).next_order()

    def snapshot(self):
        """What no refused attack may change."""
        h = self.here
        fulls = [(f["full"], f["state"], f["record"]) for f in h.json("full", "list", "--all")["fulls"]]
        agents = [(a["name"], a["signing_key"]) for a in h.json("agent", "list")["agents"] if a["signing_key"]]
        operators = [(o["name"], o["role"]) for o in h.json("operator", "list")["operators"] if o["enrolled"]]
        sources = [(s["agent"], s["source"]["name"]) for s in h.json("source", "list")["sources"]]
        return {"fulls": fulls, "agents": agents, "operators": operators, "sources": sources}

    def settle(self):
        """No cycle runs."""
        if self.here.json("status")["running_cycle"]:
            self.here.try_cli("cycle", "cancel")
            self.again()
            self.serve(0, 70)


def stopped(attack, *accepted):
    """Runs it; what stopped it, in words."""
    try:
        result = attack()
    except Refused as refusal:
        if accepted and refusal.code not in accepted:
            raise Succeeded(f"refused for another reason: {refusal.code}: {refusal}") from None
        return f"refused ({refusal.code})"
    except Closed:
        return "refused (connection closed)"
    raise Succeeded(f"it was answered: {str(result)[:200]}")


def verify_is_whole(world):
    done = world.here.try_cli("vault", "verify")
    if done.returncode != 0:
        raise Succeeded(f"the vault is damaged: {done.stdout}{done.stderr}")
