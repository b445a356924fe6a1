-- Puts jobs that wait for a time among those that are due, if they are not there.
-- KEYS: due; then for each: job   ARGV: for each job: its state as it was seen, member
-- Result for each: 1 done, 0 it was not so
local out = {}
for n = 1, #KEYS - 1 do
  local stored = redis.call('HMGET', KEYS[n + 1], 'st', 'd')
  out[n] = 0
  if stored[1] == ARGV[n * 2 - 1] and not redis.call('ZSCORE', KEYS[1], ARGV[n * 2]) then
    redis.call('ZADD', KEYS[1], tonumber(stored[2]) or now, ARGV[n * 2])
    out[n] = 1
  end
end
return out
