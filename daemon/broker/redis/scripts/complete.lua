-- The commonest end of all, for as little as it can cost: complete, at the first attempt, by its owner, of jobs of which nothing is
-- kept but their entries. All of them or none: if one is held no longer, or was asked to stop, finish.lua looks at each.
-- KEYS: waiters, index complete, expiry of results, stream; then for each job: record
-- ARGV: result ttl, waiter channel, notice channel, owner, how many rows of the pending list to look at, the beginning of a record, the
--   ulids in one text; then the entries, in their order; then for each job: 0, ulid; then for each job what follows the time in its record
-- Result: 1 all are done, 0 none is
local stream, count, first = KEYS[4], #KEYS - 4, 8
local ulids = first + count
local tails = ulids + count * 2

local rows = redis.pcall('XPENDING', stream, 'c', ARGV[first], ARGV[ulids - 1], ARGV[5], ARGV[4])
if rows.err then return 0 end
local held = 0
for _, row in ipairs(rows) do
  if row[1] == ARGV[first + held] and row[4] == 1 then held = held + 1 end
end
if held < count then return 0 end

local ended = redis.call('EXISTS', KEYS[1]) == 1 and {}
if ended then
  local asked = {}
  for n = 1, count do
    ended[n] = ARGV[ulids + n * 2 - 1]
    asked[n] = '!' .. ended[n]
  end
  for _, mark in ipairs(redis.call('HMGET', KEYS[1], unpack(asked))) do
    if mark then return 0 end
  end
end

local head, ttl = ARGV[6] .. string.format('%d', now), ARGV[1]
for n = 1, count do redis.call('SET', KEYS[4 + n], head .. ARGV[tails + n - 1], 'PX', ttl) end
redis.call('XACK', stream, 'c', unpack(ARGV, first, ulids - 1))
redis.call('XDEL', stream, unpack(ARGV, first, ulids - 1))
redis.call('ZADD', KEYS[2], unpack(ARGV, ulids, tails - 1))
redis.call('XADD', KEYS[3], '*', 'i', ARGV[7])
if ended then wake(KEYS[1], ARGV[2], ARGV[3], ended) end
return 1
