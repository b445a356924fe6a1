-- Puts an ended job back into its queue, if its record is still the one that was read.
-- KEYS: record, job, logs, stream, lanes, index of its status, unique (the job key again if it has none)
-- ARGV: ulid, beginning of the record, header, args, task, lane, notice channel, queue, attempt, tail ('' if none)
-- Result: 1 done, 0 the record has changed, 2 its unique key belongs to another live job
local record, job, logs, stream, lanes, status_index, unique = unpack(KEYS, 1, 7)
local ulid, seen, header, args, task, lane, notices, queue, attempt, tail = unpack(ARGV, 1, 10)
local old = redis.call('GET', record)
if not old or string.sub(old, 1, #seen) ~= seen then return 0 end
if unique ~= job then
  local holder = redis.call('GET', unique)
  if holder and holder ~= ulid then return 2 end
  redis.call('SET', unique, ulid)
end
redis.call('DEL', record)
redis.call('ZREM', status_index, ulid)
redis.call('PERSIST', job)
redis.call('PERSIST', logs)
-- Whoever settled it may still not know, and ask again.
redis.call('HSET', job, 'last', string.match(seen, '^%d+|[^|]*|'))
if tail ~= '' then
  redis.call('HSET', job, 'n:' .. attempt, tail)
  redis.call('HDEL', job, 'n:' .. string.format('%d', tonumber(attempt) - 20))
end
open_lane(lanes, task, lane, notices, queue)
place(stream, task, lane, header, args, job)
return 1
