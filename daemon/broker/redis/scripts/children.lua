-- Accepts jobs that simply stand in a stream and have one parent.
-- KEYS: children of the parent; then the streams
-- ARGV: how long to remember the children; then for each job: number of its stream, 'lane/' of it, '/task', header, args
-- Result: the entry of each
local out = {}
for n = 1, (#ARGV - 1) / 5 do
  local stream, lane, task, header, args = unpack(ARGV, n * 5 - 3, n * 5 + 1)
  out[n] = redis.call('XADD', KEYS[1 + tonumber(stream)], '*', 'h', header, 'a', args)
  redis.call('ZADD', KEYS[1], now, lane .. out[n] .. task)
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return out
