-- Ends jobs that wait ('cancelled', 'expired'), or forgets them (''). A running one is asked to stop if it is to be cancelled.
-- KEYS: waiters, due, deadlines, index scheduled, index retrying, index of the status, expiry;
--   then for each job: stream, job, record, logs, unique (the job key again if it has none)
-- ARGV: ttl, status, waiter channel, notice channel, queue; then for each job: ulid, entry ('' if it waits for its time), task, lane,
--   member of due and deadlines
-- Result for each: 1 ended, 2 running and asked to stop, 3 running, 0 not there
local waiters, due, deadlines, scheduled, retrying, status_index, expiry = unpack(KEYS, 1, 7)
local ttl, status, channel, notices, queue = unpack(ARGV, 1, 5)
local ended = {}
local function finish(k, v)
  local stream, job, record, logs, unique = unpack(KEYS, k, k + 4)
  local ulid, entry, task, lane, member = unpack(ARGV, v, v + 4)
  local header, args
  local row = entry ~= '' and pending_row(stream, entry)
  if row and status == 'cancelled' then
    redis.call('HSET', job, 'c', '1')
    redis.call('PUBLISH', notices, 'cancel ' .. queue .. ':' .. ulid)
    return 2
  end
  if entry == '' then
    local stored = redis.call('HMGET', job, 'h', 'a')
    header, args = stored[1] or '0.0.0.0|g', stored[2] or ''
    if not redis.call('ZSCORE', due, member) then return 0 end
  else
    if not redis.call('XRANGE', stream, entry, entry)[1] then return 0 end
    header, args = read_entry(stream, entry)
  end
  -- A deadline is for the first start.
  if row or (status == 'expired' and counters(header) > 0) then
    if status == 'expired' then redis.call('ZREM', deadlines, member) end
    return 3
  end
  if entry == '' then
    redis.call('ZREM', due, member)
    redis.call('ZREM', scheduled, ulid)
    redis.call('ZREM', retrying, ulid)
  else
    redis.call('XDEL', stream, entry)
  end
  redis.call('ZREM', deadlines, member)
  if unique ~= job then free_unique(unique, ulid) end
  table.insert(ended, ulid)
  if status == '' then
    redis.call('DEL', job, logs)
    return 1
  end
  redis.call('SET', record, record_of('0', '', status, 'none', task, lane, header, args, ''), 'PX', ttl)
  let_expire(job, logs, ttl)
  return 1
end

local out = {}
for n = 1, (#KEYS - 7) / 5 do out[n] = finish(n * 5 + 3, n * 5 + 1) end
if status ~= '' then
  index(status_index, ended)
  will_expire(expiry, ended)
end
wake(waiters, channel, ended)
return out
