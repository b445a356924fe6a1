"""All rows by name, in the order of the table."""

from suite.rows import backlog, children, costs, crash, drains, enqueue, features, idle, latency, memory, scaling

ROWS = {row.name: row for row in (
    drains.DrainRedis, drains.DrainAof, drains.DrainSqlite, children.Children, enqueue.OneByOne, enqueue.Bulk, latency.Latency, costs.Cpu, memory.Memory,
    backlog.Backlog, idle.Idle, crash.Crash, features.Features, scaling.Scaling)}
