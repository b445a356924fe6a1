"""All rows by name, in the order of the table."""

from suite.rows import children, drains

ROWS = {row.name: row for row in (drains.DrainRedis, drains.DrainAof, drains.DrainSqlite, children.Children)}
