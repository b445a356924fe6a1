-- Accepts jobs that cannot simply stand in a stream: due later, with a deadline, unique, or repeatable.
-- KEYS: due, deadlines, index scheduled, placed; then for each job: stream, job, unique, submit, children of its parent, held
--   (the job key again where it has none);
--   then, of a single job, if the holder of its unique key waits and is to be cancelled: index retrying, index cancelled,
--   expiry, waiters, and what waiting.lua says
-- ARGV: ttl, waiter channel, notice channel, queue, number of jobs; then for each job: ulid, task, lane, 'in', 'at', 'after' or '',
--   milliseconds ('after': 'c' or 'e' for its rule, then the ids as JSON), expires after, deadline after and unique for ('' for never), '/w' if its unique key counts only until it is
--   started, header, args;
--   then, if there is such a holder: the value its key must have, 'end' if it waits and is to be cancelled, and what waiting.lua says
-- Result for each: '' if it was created, the value of the unique key if another job holds it, 'r' and the ulid of the job that
--   an earlier submit with its idempotency key made, '?' if the holder is not as it was seen
local due, deadlines, scheduled, placed = unpack(KEYS, 1, 4)
local count = tonumber(ARGV[5])
local over_key, over_arg = 5 + count * 6, 6 + count * 11

-- Makes the unique key the job's own; otherwise says why not.
local function take_unique(unique, ulid, lasts, suffix)
  local holder = redis.call('GET', unique)
  if holder then
    if ARGV[over_arg] ~= holder then return holder end
    if ARGV[over_arg + 1] == 'end' then
      local retrying, cancelled, expiry, waiters, stream = unpack(KEYS, over_key, over_key + 4)
      local entry = ARGV[over_arg + 3]
      if entry ~= '' and pending_row(stream, entry) then return '?' end
      local to = {due = due, deadlines = deadlines, scheduled = scheduled, retrying = retrying, status = 'cancelled',
        placed = placed, waiters = waiters, ttl = ARGV[1], notices = ARGV[3], queue = ARGV[4], tail = ''}
      if end_waiting(to, over_key + 4, over_arg + 2) ~= 1 then return '?' end
      local ended = {ARGV[over_arg + 2]}
      index(cancelled, ended)
      will_expire(expiry, ended)
      wake(waiters, ARGV[2], ARGV[3], ended)
    end
  end
  if lasts == '' then
    redis.call('SET', unique, ulid .. suffix)
  else
    redis.call('SET', unique, ulid .. suffix, 'PX', lasts)
  end
  return ''
end

local function accept(k, v)
  local stream, job, unique, submit, kids, held = unpack(KEYS, k, k + 5)
  local ulid, task, lane, kind, value, expires, deadline, lasts, suffix, header, args = unpack(ARGV, v, v + 10)
  if submit ~= job then
    local before = redis.call('GET', submit)
    if before then return 'r' .. before end
  end
  if unique ~= job then
    local kept_out = take_unique(unique, ulid, lasts, suffix)
    if kept_out ~= '' then return kept_out end
  end
  if submit ~= job then redis.call('SET', submit, ulid) end
  if header == '' then header = '0.0.0.0' end
  header = header .. '|c' .. string.format('%d', now)
  if lasts ~= '' then header = header .. '|w' .. string.format('%d', now + tonumber(lasts)) end
  local member = ulid .. '/' .. lane .. '/' .. task
  if deadline ~= '' then
    header = header .. '|d' .. string.format('%d', now + tonumber(deadline))
    -- What has not even been started by its deadline has expired.
    if expires == '' or tonumber(deadline) < tonumber(expires) then expires = deadline end
  end
  if expires ~= '' then
    local last = string.format('%d', now + tonumber(expires))
    header = header .. '|e' .. last
    redis.call('ZADD', deadlines, last, member)
  end
  if kids ~= job then
    redis.call('ZADD', kids, now, '=' .. ulid)
    redis.call('PEXPIRE', kids, ARGV[1])
  end
  local when = now
  if kind == 'after' then
    -- Whoever promotes jobs looks how the others stand when this is over, and again and again, should nobody hear of their ends.
    local ids = string.sub(value, 2)
    for _, id in ipairs(cjson.decode(ids)) do redis.call('ZADD', held, 0, id) end
    redis.call('HSET', job, 'af', ids)
    if string.sub(value, 1, 1) == 'e' then redis.call('HSET', job, 'ae', '1') end
    when = now + 1000
  elseif kind == 'in' then
    when = now + tonumber(value)
  elseif kind == 'at' then
    when = tonumber(value)
  end
  if when > now then
    when = string.format('%d', when)
    redis.call('HSET', job, 'st', 's', 'k', task, 'h', header, 'a', args, 'd', when)
    redis.call('ZADD', due, when, member)
    redis.call('ZADD', scheduled, 0, ulid)
  else
    place(placed, stream, task, lane, header, args, job)
  end
  return ''
end

local out = {}
for n = 1, count do out[n] = accept(n * 6 - 1, n * 11 - 5) end
return out
