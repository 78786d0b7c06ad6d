"""A blob that the disk does not read is answered by nothing behind its id: the restore goes on with the others."""
from hand_agent import HandAgent
from loopback import Loopback
from peer import Control, Data


def back_up(here, agent):
    number = here.start_cycle()
    agent.serve(lambda: here.cycle(number)["final"])
    assert here.cycle(number)["state"] == "full"
    return number


def break_packs(here):
    """A directory can be opened like a file, and every read of it fails."""
    for pack in here.vault.glob("packs/*/*"):
        pack.unlink()
        pack.mkdir()


def restore_order(here, agent, number):
    with Control.local(here.top / "run/control") as root:
        root.ask("RESTORE_FILES", {"full": number, "source": f"{agent.name}.data", "agent": agent.name, "path": "",
                                   "target": str(here.top / "restored")})
    return agent.next_order()


def test_a_restore_outlives_what_the_disk_does_not_read(programs):
    with Loopback(programs) as here:
        here.enroll_agent("mail1")
        agent = HandAgent(here, "mail1").hello()
        number = back_up(here, agent)
        order = restore_order(here, agent, number)
        with Data.dial(here.data, agent.identity) as data:
            data.hello(order["job"], order["token"])
            assert data.get(agent.root) == agent.blob
            break_packs(here)
            for _ in range(2):
                assert data.question("GET", agent.root, "BLOB") == agent.root
        agent.result(order["job"], code=2, text="over")
