"""Sidekiq at its best here: two processes of ten threads, Redis replies parsed in C. It keeps no results."""

import pathlib

from suite.peer import Crew, Peer

HERE = pathlib.Path(__file__).resolve().parent


class Sidekiq(Peer):
    name = "sidekiq"
    producing = "Sidekiq, hiredis"
    programs = ("sidekiq", "ruby")

    def __init__(self, bench, threads=10, count=2):
        super().__init__(bench)
        self.threads, self.count = threads, count
        self.title = f"Sidekiq, {threads} threads x {count}, hiredis"

    def producer(self, server, jobs, bulk):
        return ["ruby", HERE / "produce.rb", jobs, 1000 if bulk else 1], server.environment

    def crew(self, server, place):
        command = ["sidekiq", "-r", HERE / "tasks.rb", "-c", self.threads, "-q", "default", "-e", "production"]
        return Crew([command] * self.count, server.environment, str(HERE))

    def left(self, server):
        return server("LLEN", "queue:default")
