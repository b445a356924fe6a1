-- For the scripts that end jobs from outside: end.lua, and enqueue.lua when a job takes another's place.
-- Ends a job that waits ('cancelled', 'expired'), or forgets it (''). A running one is asked to stop if it is to be cancelled.
-- `to`: due, deadlines, scheduled, retrying, placed, waiters, status, ttl, notices, queue, tail of the record.
-- KEYS from k: stream, job, record, logs, unique, submit (the job key again if it has none), held
-- ARGV from v: ulid, entry ('' if it waits for its time), task, lane, member of due and deadlines
-- 1 ended, 2 running and asked to stop, 3 running, 0 not there
local function end_waiting(to, k, v)
  local stream, job, record, logs, unique, submit, held = unpack(KEYS, k, k + 6)
  local ulid, entry, task, lane, member = unpack(ARGV, v, v + 4)
  local header, args
  local row = entry ~= '' and pending_row(stream, entry)
  if row and to.status == 'cancelled' then
    redis.call('HSET', job, 'c', '1')
    redis.call('HSET', to.waiters, '!' .. ulid, '1')
    redis.call('PUBLISH', to.notices, 'cancel ' .. to.queue .. ':' .. ulid)
    return 2
  end
  if entry == '' then
    local stored = redis.call('HMGET', job, 'h', 'a')
    header, args = stored[1] or '0.0.0.0|g', stored[2] or ''
    if not redis.call('ZSCORE', to.due, member) then return 0 end
  else
    if not redis.call('XRANGE', stream, entry, entry)[1] then return 0 end
    header, args = read_entry(stream, entry)
  end
  -- A deadline is for the first start.
  if row or (to.status == 'expired' and counters(header) > 0) then
    if to.status == 'expired' then redis.call('ZREM', to.deadlines, member) end
    return 3
  end
  if entry == '' then
    redis.call('ZREM', to.due, member)
    redis.call('ZREM', to.scheduled, ulid)
    redis.call('ZREM', to.retrying, ulid)
    redis.call('DEL', held)
  else
    redis.call('XDEL', stream, entry)
    redis.call('ZREM', to.placed, ulid)
  end
  redis.call('ZREM', to.deadlines, member)
  if unique ~= job then free_unique(unique, ulid) end
  if to.status == '' then
    redis.call('DEL', job, logs)
    if submit ~= job and redis.call('GET', submit) == ulid then redis.call('DEL', submit) end
    return 1
  end
  redis.call('SET', record, record_of('0', '', to.status, 'none', task, lane, header, args, to.tail), 'PX', to.ttl)
  let_expire(job, logs, to.ttl)
  if submit ~= job then let_submit_expire(submit, ulid, to.ttl) end
  return 1
end
