-- Takes jobs out of an index whose records are gone.
-- KEYS: index; then for each: record   ARGV: for each: ulid
for n, ulid in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[n + 1]) == 0 then redis.call('ZREM', KEYS[1], ulid) end
end
return #ARGV
