"""Just enough of Redis's protocol to look at a server without costing it anything to speak of."""

import socket


class RedisError(Exception):
    pass


class Connection:
    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(60)
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def close(self):
        self.file.close()
        self.socket.close()

    def __call__(self, *words):
        return self.all([words])[0]

    def all(self, commands):
        """Several commands in one round trip."""
        out = bytearray()
        for words in commands:
            parts = [str(word).encode() for word in words]
            out += b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
        self.socket.sendall(out)
        return [self.read() for _ in commands]

    def read(self):
        line = self.file.readline()
        if not line:
            raise RedisError("the server is gone")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b"+":
            return rest.decode()
        if kind == b":":
            return int(rest)
        if rest == b"-1":
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2].decode(errors="replace")
        return [self.read() for _ in range(int(rest))]


def info_of(text):
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def info(connection, section):
    return info_of(connection("INFO", section))
