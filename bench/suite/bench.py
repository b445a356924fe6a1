"""What all rows share: where programs are, how large samples are, what is missing."""

import dataclasses
import pathlib


@dataclasses.dataclass
class Bench:
    build: pathlib.Path
    work: pathlib.Path
    cache: pathlib.Path
    rounds: int
    quick: bool
    tcp: bool
    sizes: dict = dataclasses.field(default_factory=dict)
    faults: dict = dataclasses.field(default_factory=dict)  # peer -> why it cannot be measured
    samples_made: int = 0

    @property
    def binaries(self):
        return self.build / "bin"

    @property
    def programs(self):
        return self.build / "bench"

    @property
    def plugins(self):
        return [self.build / "tests/plugins/noop/noop.so", self.build / "bench/plugins/bench.so"]

    @property
    def node_modules(self):
        return self.cache / "bullmq/node_modules"

    @property
    def seconds(self):
        """A drain is to last."""
        return 0.5 if self.quick else 4

    @property
    def most(self):
        return 20_000 if self.quick else 500_000

    def number(self):
        self.samples_made += 1
        return self.samples_made

    def some(self, full, quick):
        return quick if self.quick else full
