"""Total decoding of outside bytes, by the common rules of docs/formats/README.md.

    cursor = Cursor(data, "pack x")
    count = cursor.u32()
    name = cursor.varbytes(1, 255)
    cursor.end()                        # nothing follows the last field

Whatever is wrong raises Corrupt (or Unsupported, for something that a later version may mean) and names the object.
"""


class Corrupt(Exception):
    """The bytes are not what they must be."""


class Unsupported(Corrupt):
    """An unknown version, suite, kind or type."""


class Missing(Corrupt):
    """Something that is referred to is not there."""


class Cursor:
    def __init__(self, data, what):
        self.data, self.at, self.what = data, 0, what

    def corrupt(self, why):
        return Corrupt(f"{self.what}: {why}, at byte {self.at}")

    def need(self, true, why):
        if not true:
            raise self.corrupt(why)

    def one_of(self, value, values, name):
        self.need(value in values, f"{name} {value}")
        return value

    def known(self, value, values, name):
        """A later version may know others."""
        if value not in values:
            raise Unsupported(f"{self.what}: unknown {name} {value}")
        return value

    def left(self):
        return len(self.data) - self.at

    def take(self, size):
        self.need(size <= self.left(), f"{size} bytes wanted, {self.left()} left")
        self.at += size
        return self.data[self.at - size:self.at]

    def _integer(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def u8(self):
        return self._integer(1)

    def u16(self):
        return self._integer(2)

    def u32(self):
        return self._integer(4)

    def u64(self):
        return self._integer(8)

    def i64(self):
        return self._integer(8, signed=True)

    def id(self):
        return self.take(32)

    def zero(self, size):
        self.need(not any(self.take(size)), "a reserved byte is not zero")

    def magic(self, expected):
        self.need(self.take(len(expected)) == expected, f"does not begin with {expected!r}")

    def varint(self, low=0, high=2 ** 64 - 1):
        value, shift = 0, 0
        while True:
            byte = self.u8()
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
            self.need(shift < 70, "a varint of more than 10 bytes")
        self.need(byte or not shift, "a varint that is not in its shortest form")
        self.need(low <= value <= high, f"{value} is not within {low} and {high}")
        return value

    def varbytes(self, low=0, high=2 ** 64 - 1):
        return self.take(self.varint(low, high))

    def end(self):
        self.need(not self.left(), f"{self.left()} bytes follow the last field")


def ascending(values):
    """Strictly; bytes compare bytewise, a prefix first."""
    return all(before < after for before, after in zip(values, values[1:]))
