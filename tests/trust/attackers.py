#!/usr/bin/python3
"""Attacker drills: with the real keys of one compromised party, everything that the party must not be able to do.

A case is one attack.  It is stopped when it was refused, or detected by what an administrator looks at (status, verify, the audit log,
the cycle's state); else it is a violation.  The world's fulls, peers and roles must be the same after every case.
Parties: the network, an agent, another agent's neighbour, an operator of each role, the controller, the vault's storage.
docs/architecture/authority.md has the table that the first group goes through.
"""
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from campaign import Campaign  # noqa: E402  (it finds tests/support)

import attack_agent as agent  # noqa: E402
import attack_storage as storage  # noqa: E402
import attack_table as table  # noqa: E402
from attack_world import ROLES, VICTIM, Succeeded, World  # noqa: E402
from peer import Closed, Refused, schema  # noqa: E402


def all_drills():
    every = list(table.the_table())
    agents_own = {"AGENT_HELLO", "AGENT_SOURCES", "STEP_PROGRESS", "STEP_RESULT"}
    for verb, cells in every:
        if verb in agents_own:
            continue
        for role in ROLES:
            yield f"{role} asks {verb}", lambda w, r=role, v=verb, c=cells: table.role_on_verb(w, r, v, c)
        if "agent" not in cells[0]:
            yield f"agent asks {verb}", lambda w, v=verb: table.agent_on_verb(w, v)
    known = set(schema.types.values())
    for number in [n for n in range(2, 130) if n not in known] + [65535]:
        yield f"agent sends number {number}", lambda w, n=number: table.agent_on_number(w, n)
    for verb in sorted(agents_own):
        for role in ROLES:
            yield f"{role} as agent: {verb}", lambda w, r=role, v=verb: table.operator_as_agent(w, r, v)
    for number in (9, 10, 12, 13, 77, 255):
        yield f"data frame {number}", lambda w, n=number: agent.unknown_data_frame(w, n)
    wrong = "not the one that was asked for"
    for what, words, lie in [
            ("host", wrong, {"host": VICTIM}), ("source", wrong, {"source": "other"}), ("vault", wrong, {"vault": bytes(16)}),
            ("cycle", wrong, {"cycle": lambda w, o: o["cycle"] + 1}), ("sequence", wrong, {"sequence": lambda w, o: o["sequence"] + 1}),
            ("chain", wrong, {"previous": lambda w, o: b"\1" * 32}),
            ("victim's key", "unknown key", {"signer": lambda w, o: w.agent(VICTIM).signing})]:
        yield f"a record with another {what}", lambda w, t=words, k=lie: agent.lying_record(w, t, **k)
    for years in (-10, 10):
        yield f"a capture {years} years off", lambda w, y=years: agent.times_of_its_own(w, y)
    for drill in (table.nobody_connects, table.another_ca_connects, table.the_controllers_own_certificate_as_a_client,
                  table.an_older_tls, table.no_tls_at_all, table.data_without_certificate,
                  table.an_operators_certificate_on_the_data_port, table.a_token_is_used_twice_to_enrol, agent.a_guessed_token,
                  agent.anothers_token, agent.a_token_used_twice, agent.a_token_of_a_job_that_is_over,
                  agent.reading_in_a_capture, agent.going_on_after_the_end,
                  agent.reading_anothers_in_a_capture, agent.poisoning, agent.overwriting,
                  agent.fetching_anothers_blob_in_a_restore, agent.writing_in_a_restore, agent.asking_in_a_restore,
                  agent.spliced_record, agent.replayed_record, agent.a_root_that_was_never_uploaded, agent.shrunken_archive,
                  agent.result_for_anothers_job, agent.hello_with_anothers_jobs, agent.a_hello_that_is_replayed,
                  agent.standing_in_the_way, agent.ten_thousand_sources, storage.storage_changes_a_pack,
                  storage.storage_deletes_a_pack, storage.storage_changes_a_record, storage.storage_swaps_two_records,
                  storage.storage_sets_the_vault_back, storage.storage_forges_a_full, storage.orders_of_a_false_controller):
        yield drill.__name__.replace("_", " "), drill


def main():
    campaign, drills, world = Campaign(), list(all_drills()), None
    only = os.environ.get("ATTACKERS_ONLY", "")
    told = {}
    try:
        world = World()
        for case in campaign.cases(len(drills)):
            name, drill = drills[case.number]
            if only not in name:
                continue
            try:
                verdict = drill(world)
            except Succeeded as success:
                campaign.violation(f"{name}: {success}")
                verdict = "NOT STOPPED"
            except (Closed, Refused, TimeoutError, RuntimeError) as error:
                campaign.violation(f"{name}: the drill itself failed: {type(error).__name__}: {error}")
                verdict = "NOT DONE"
            if " asks " in name or " sends " in name:  # one request: looked at together
                if case.number % 25:
                    print(f"{name}: {verdict}")
                    told[verdict.split(" (")[0]] = told.get(verdict.split(" (")[0], 0) + 1
                    continue
            for one in world.agents.values():
                one.on.clear()
            world.settle()
            world.again()
            after = world.snapshot()
            good = [f for f in after["fulls"] if f[1] == "full"]
            if good != [f for f in world.before["fulls"] if f[1] == "full"] or any(
                    after[k] != world.before[k] for k in ("agents", "operators", "sources")):
                campaign.violation(f"{name}: it left the world changed: {after} instead of {world.before}")
                world.before = after
            print(f"{name}: {verdict}")
            told[verdict.split(" (")[0]] = told.get(verdict.split(" (")[0], 0) + 1
        if not world.here.json("audit", "verify")["whole"]:
            campaign.violation("the audit log is broken after all that")
    finally:
        if world is not None:
            world.close()
    for verdict, count in sorted(told.items()):
        campaign.figure(verdict.replace(" ", "-").replace(",", ""), count)
    campaign.end()


if __name__ == "__main__":
    main()
