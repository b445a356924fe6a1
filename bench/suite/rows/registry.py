"""All rows by name, in the order of the table."""

from suite.rows import children, costs, drains, enqueue, latency, memory

ROWS = {row.name: row for row in (drains.DrainRedis, drains.DrainAof, drains.DrainSqlite, children.Children, enqueue.OneByOne, enqueue.Bulk, latency.Latency, costs.Cpu, memory.Memory)}
