"""The brokers of a run: an SQLite file, or a redis-server of its own."""

import signal
import subprocess
import time


class Sqlite:
    pid = 0

    def __init__(self, folder):
        self.url = f"sqlite://{folder}/conduit.db"

    def end(self):
        pass


class Redis:
    """A redis-server of its own, on a Unix socket. What it acknowledged outlives a kill: always on disk, or each second."""

    def __init__(self, folder, fsync):
        self.folder = folder / "redis"
        self.folder.mkdir()
        self.socket = self.folder / "redis.sock"
        self.url = f"redis+unix://{self.socket}"
        self.command = ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "",
                        "--appendonly", "yes", "--appendfsync", fsync, "--daemonize", "no"]
        self.start()

    def start(self):
        self.log = open(self.folder / "redis.log", "ab")
        self.process = subprocess.Popen(self.command, stdout=self.log, stderr=self.log)
        self.pid = self.process.pid
        end = time.monotonic() + 20
        while time.monotonic() < end:
            ping = subprocess.run(["redis-cli", "-s", str(self.socket), "ping"], capture_output=True, text=True, check=False)
            if ping.stdout.strip() == "PONG":
                return
            time.sleep(0.02)
        raise RuntimeError("redis-server does not answer")

    def kill_and_start(self):
        self.end()
        self.start()

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()


def start(broker, folder, fsync="everysec"):
    return Sqlite(folder) if broker == "sqlite" else Redis(folder, fsync)
