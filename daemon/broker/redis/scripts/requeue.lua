-- Puts an ended job back into its queue, if its record is still the one that was read.
-- KEYS: record, job, logs, stream, lanes, index of its status, unique, submit (the job key again if it has none),
--   placed
-- ARGV: ulid, beginning of the record, header, args, task, lane, notice channel, queue, attempt, tail ('' if none),
--   until when its unique key counts ('' for its life), '/w' if only until it is started, the value of a unique key that does
--   not count any more
-- Result: '1' done, '0' the record has changed, or the value of its unique key, which belongs to another job
local record, job, logs, stream, lanes, status_index, unique, submit, placed = unpack(KEYS, 1, 9)
local ulid, seen, header, args, task, lane, notices, queue, attempt, tail, lasts_until, suffix, over = unpack(ARGV, 1, 13)
local old = redis.call('GET', record)
if not old or string.sub(old, 1, #seen) ~= seen then return '0' end
local left = lasts_until ~= '' and tonumber(lasts_until) - now
if unique ~= job and (not left or left > 0) then
  local holder = redis.call('GET', unique)
  if holder and string.sub(holder, 1, 26) ~= ulid and holder ~= over then return holder end
  redis.call('SET', unique, ulid .. suffix)
  if left then redis.call('PEXPIRE', unique, left) end
end
redis.call('DEL', record)
redis.call('ZREM', status_index, ulid)
-- A wish that it should stop was of the attempts before.
redis.call('HDEL', job, 'c')
redis.call('PERSIST', job)
redis.call('PERSIST', logs)
if submit ~= job and redis.call('GET', submit) == ulid then redis.call('PERSIST', submit) end
-- Whoever settled it may still not know, and ask again.
redis.call('HSET', job, 'last', string.match(seen, '^%d+|[^|]*|'))
if tail ~= '' and attempt ~= '0' then  -- a cancel or an expiry was no attempt
  redis.call('HSET', job, 'n:' .. attempt, tail)
  redis.call('HDEL', job, 'n:' .. string.format('%d', tonumber(attempt) - 20))
end
open_lane(lanes, task, lane, notices, queue)
place(placed, stream, task, lane, header, args, job)
return '1'
