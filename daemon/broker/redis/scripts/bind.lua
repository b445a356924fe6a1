-- Writes down that jobs are to run after these, so that their end is told.
-- KEYS: waiters; then for each of these: held by it
-- ARGV: how long to remember it at least; then for each: ulid, id, the job that is to run after it
for n = 1, #KEYS - 1 do
  local ulid, id, follower = unpack(ARGV, n * 3 - 1, n * 3 + 1)
  redis.call('ZADD', KEYS[n + 1], 0, follower)
  redis.call('PEXPIRE', KEYS[n + 1], ARGV[1])
  redis.call('HSET', KEYS[1], '>' .. ulid, id)
end
return #KEYS - 1
