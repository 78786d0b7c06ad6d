"""A TCP proxy that knows TLS records by number, and does harm to one of them.

    network = ProxyThread()                              # one thread, with its own event loop, for any number of proxies
    proxy = network.proxy(("127.0.0.2", 7420), ("127.0.0.1", 7420))
    proxy.connections[-1].counts()                       # {"up": [types of records so far], "down": [...]}
    armed = proxy.arm(Harm("reset", "up", 5))            # of the next connection: when record 5 from the client comes
    armed.hit.wait(3)                                    # it was done
    proxy.cut()                                          # every connection ends by RST
    network.close()

"up" is from the client to the server.  Records are counted from 0 and forwarded when they are whole; change-cipher-spec
records, which mean nothing in TLS 1.3, are not counted.

    drop        this record and all after it, in this direction, are swallowed
    blackhole   the record passes; after it nothing does, in either direction
    delay       the record, and what follows it, comes DELAY seconds late
    shut        the direction is half-closed instead of the record, which is lost
    shut-after  ... after the record
    reset       both sides get a RST instead of the record
    reset-after ... after the record
    twice       the record comes a second time
    truncate    half of the record comes, then both sides are closed
    garble      one bit of the record is flipped
"""
import asyncio
import contextlib
import socket
import struct
import threading

DELAY = 0.3
CHANGE_CIPHER_SPEC = 20
HARMS = ("drop", "blackhole", "delay", "shut", "shut-after", "reset", "reset-after", "twice", "truncate", "garble")


class Harm:
    def __init__(self, kind, direction, record):
        assert kind in HARMS and direction in ("up", "down"), (kind, direction)
        self.kind, self.direction, self.record, self.hit = kind, direction, record, threading.Event()

    def __str__(self):
        return f"{self.kind} at record {self.record} {self.direction}"


class Broken(Exception):
    """This connection's life is over."""


class Connection:
    def __init__(self, harm):
        self.harm, self.types, self.writers, self.deaf = harm, {"up": [], "down": []}, [], set()

    def counts(self):
        return {direction: list(types) for direction, types in self.types.items()}

    async def serve(self, reader, writer, target):
        self.writers.append(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(*target, limit=1 << 20)
            self.writers.append(far_writer)
            for w in self.writers:
                w.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ways = [asyncio.ensure_future(self.pump(reader, far_writer, "up")),
                    asyncio.ensure_future(self.pump(far_reader, writer, "down"))]
            done, rest = await asyncio.wait(ways, return_when=asyncio.FIRST_EXCEPTION)
            for way in rest:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        except OSError:
            pass
        finally:
            for w in self.writers:
                w.close()

    async def pump(self, reader, writer, direction):
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                header = await reader.readexactly(5)
                record = header + await reader.readexactly(struct.unpack(">H", header[3:])[0])
                await self.forward(record, writer, direction)
        if direction not in self.deaf:
            with contextlib.suppress(OSError, RuntimeError):
                writer.write_eof()

    async def forward(self, record, writer, direction):
        types = self.types[direction]
        counted = record[0] != CHANGE_CIPHER_SPEC
        harm = self.harm
        if counted:
            types.append(record[0])
        if harm and counted and harm.direction == direction and len(types) - 1 == harm.record:
            await self.do(harm, record, writer)
            harm.hit.set()
        elif direction not in self.deaf:
            writer.write(record)
            await writer.drain()

    async def do(self, harm, record, writer):
        kind = harm.kind
        if kind in ("blackhole", "shut-after", "reset-after", "twice"):
            writer.write(record)
        if kind in ("drop", "shut", "shut-after"):
            self.deaf.add(harm.direction)
        if kind == "blackhole":
            self.deaf |= {"up", "down"}
        if kind == "delay":
            await asyncio.sleep(DELAY)
            writer.write(record)
        if kind in ("shut", "shut-after"):
            writer.write_eof()
        if kind == "twice":
            writer.write(record)
        if kind == "garble":
            middle = len(record) // 2
            writer.write(record[:middle] + bytes([record[middle] ^ 1]) + record[middle + 1:])
        if kind == "truncate":
            writer.write(record[: len(record) // 2])
            harm.hit.set()
            raise Broken
        if kind in ("reset", "reset-after"):
            harm.hit.set()
            self.reset()
            raise Broken

    def reset(self):
        for w in self.writers:
            with contextlib.suppress(OSError):
                w.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            w.transport.abort()


class Proxy:
    """Everything but arm, cut and what connections say runs in the loop's thread."""

    def __init__(self, loop, target):
        self.loop, self.target, self.connections, self.live, self.armed = loop, target, [], set(), None

    async def accept(self, reader, writer):
        harm, self.armed = self.armed, None
        connection = Connection(harm)
        self.connections.append(connection)
        self.live.add(connection)
        try:
            await connection.serve(reader, writer, self.target)
        finally:
            self.live.discard(connection)

    def arm(self, harm):
        self.armed = harm
        return harm

    def disarm(self):
        self.armed = None

    def cut(self):
        async def all_of_them():
            for connection in set(self.live):
                connection.reset()
        asyncio.run_coroutine_threadsafe(all_of_them(), self.loop).result(10)


class ProxyThread:
    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def proxy(self, listen, target):
        proxy = Proxy(self.loop, target)
        server = asyncio.start_server(proxy.accept, *listen, limit=1 << 20)
        asyncio.run_coroutine_threadsafe(server, self.loop).result(10)
        return proxy

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
