"""The servers of a run, each for itself in a folder of its own."""

import contextlib
import pathlib
import shutil
import socket

from suite import processes, resp


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Server:
    """A program of one process; `with` it, it runs."""

    def start(self, command, place):
        self.place = place
        self.process = processes.start(command, place / f"{self.name}.log")
        self.pids = [self.process.pid]

    def __enter__(self):
        try:
            processes.until(f"{self.name} answers", self.answers, processes=[self.process])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        processes.end(self.process)


class Redis(Server):
    """In memory, or with an append-only file that is synced each second; on a Unix socket, or on TCP."""

    name = "redis-server"

    def __init__(self, place, tcp=False, aof=False, more=()):
        self.folder = place / f"redis-{free_port()}"
        self.folder.mkdir()
        self.port = free_port() if tcp else 0
        self.socket = str(self.folder / "s")
        self.connection = None
        self.start(["redis-server", "--port", self.port, "--bind", "127.0.0.1", *([] if tcp else ["--unixsocket", self.socket]), "--dir", self.folder,
                    "--save", "", "--appendonly", "yes" if aof else "no", "--appendfsync", "everysec", *more], place)

    def answers(self):
        with contextlib.suppress(OSError, resp.RedisError):
            self.connection = resp.Connection(("127.0.0.1", self.port) if self.port else self.socket)
            return self.connection("PING") == "PONG"
        return False

    def __exit__(self, *_):
        if self.connection:
            self.connection.close()
        super().__exit__()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __call__(self, *words):
        return self.connection(*words)

    def used_memory(self):
        return int(resp.info(self.connection, "memory")["used_memory"])

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}" if self.port else f"redis+unix://{self.socket}"

    @property
    def words(self):
        """For our own programs."""
        return ["--port", self.port] if self.port else ["--unix", self.socket]

    @property
    def environment(self):
        """For those of peers."""
        return {"BENCH_PORT": str(self.port)} if self.port else {"BENCH_UNIX": self.socket}


class Sqlite:
    """A file. No process, so what it costs is the worker's."""

    pids = []

    def __init__(self, place):
        self.file = place / "conduit.db"
        self.url = f"sqlite://{self.file}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Beanstalkd(Server):
    name = "beanstalkd"

    def __init__(self, place):
        self.port = free_port()
        self.start(["beanstalkd", "-l", "127.0.0.1", "-p", self.port], place)

    def answers(self):
        return listens(self.port)


class Gearmand(Server):
    name = "gearmand"

    def __init__(self, place):
        self.port = free_port()
        program = shutil.which("gearmand") or "/usr/sbin/gearmand"
        self.start([program, "--threads", 0, "--listen", "127.0.0.1", "--port", self.port, "--log-file", place / "gearmand-own.log"], place)

    def answers(self):
        return listens(self.port)

    def left(self):
        """Jobs of all functions, those that run too."""
        with socket.create_connection(("127.0.0.1", self.port), 10) as admin, admin.makefile("rb") as lines:
            admin.sendall(b"status\n")
            total = 0
            for line in lines:
                if line.strip() == b".":
                    return total
                total += int(line.split(b"\t")[1])
        return total


class Cluster:
    """Three nodes of a Redis Cluster, on TCP."""

    NODES, SLOTS = 3, 16384

    def __init__(self, place, aof=False):
        self.buses = [free_port() for _ in range(self.NODES)]
        self.nodes = [Redis(place, tcp=True, aof=aof, more=["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf", "--cluster-port", bus])
                      for bus in self.buses]
        self.pids = [node.process.pid for node in self.nodes]

    def __enter__(self):
        try:
            for number, node in enumerate(self.nodes):
                node.__enter__()
                node("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
                node("CLUSTER", "ADDSLOTSRANGE", self.first_slot(number), self.first_slot(number + 1) - 1)
            for node, bus in zip(self.nodes[1:], self.buses[1:]):
                self.nodes[0]("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
            processes.until("the cluster is whole", lambda: all(self.whole(node) for node in self.nodes))
        except BaseException:
            self.__exit__()
            raise
        return self

    def first_slot(self, number):
        return self.SLOTS * number // self.NODES

    def whole(self, node):
        said = resp.info_of(node("CLUSTER", "INFO"))
        return said["cluster_state"] == "ok" and said["cluster_known_nodes"] == str(self.NODES)

    def __exit__(self, *_):
        for node in self.nodes:
            node.__exit__()

    @property
    def url(self):
        return "redis-cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)

    def node_of(self, key):
        slot = self.nodes[0]("CLUSTER", "KEYSLOT", key)
        return next(node for number, node in enumerate(self.nodes) if self.first_slot(number) <= slot < self.first_slot(number + 1))


def place_of(work, name):
    """A folder for one sample."""
    folder = pathlib.Path(work) / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
