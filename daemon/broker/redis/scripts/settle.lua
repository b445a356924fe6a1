-- Ends attempts, fenced by owner and delivery count in the pending list. Also the reclaim of a lease that has ended
-- (with a least idle time, and no settler) and the handing back of a job that was read but given to nobody ('unread').
-- KEYS: waiters, lanes, due, index complete, failed, cancelled, expired, retrying, expiry of results, expiry of failed,
--   placed; then for each job: stream, target stream, front stream, job, record, logs, unique, submit (the job key again if it has none)
-- ARGV: result ttl, failed ttl, notice channel, waiter channel, queue; then for each job 15 words, see `local` below
-- Result for each: 1 applied, 2 repeated, 0 lost, 3 applied as cancelled
local waiters, lanes, due, retrying, placed = KEYS[1], KEYS[2], KEYS[3], KEYS[8], KEYS[11]
local result_ttl, failed_ttl, notices, channel, queue = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local out, gone, ended, taken, left = {}, {}, {}, {}, {}
local by_status = {complete = {}, failed = {}, cancelled = {}, expired = {}}
local statuses = {'complete', 'failed', 'cancelled', 'expired'}

local function settle(k, v)
  local stream, target, front, job, record, logs, unique, submit = unpack(KEYS, k, k + 7)
  local ulid, entry, owner, deliveries, idle, attempt, settler, action, charge, reason, after, lane, task, priority, tail =
    unpack(ARGV, v, v + 14)
  -- The rows of this batch are removed at its end: a second settlement in it must not see the first one's.
  local place_of_entry = stream .. '/' .. entry
  if taken[place_of_entry] or not held_by(stream, entry, owner, tonumber(deliveries), tonumber(idle)) then
    local mine = attempt .. '|' .. settler .. '|'
    if settler == '' then return 0 end
    local old = redis.call('GET', record)
    if old and string.sub(old, 1, #mine) == mine then return 2 end
    if redis.call('HGET', job, 'last') == mine then return 2 end
    return 0
  end
  local header, args = read_entry(stream, entry)
  local a, f, c, i, rest = counters(header)
  -- Nobody began what is handed back unread, or was read after its deadline.
  if action ~= 'unread' and action ~= 'expired' then a = tonumber(attempt) end
  if charge == 'failure' then f = f + 1 elseif charge == 'crash' then c = c + 1 elseif charge == 'interruption' then i = i + 1 end
  local back = action == 'retry' or action == 'release' or action == 'unread'
  local result = 1
  if back and redis.call('HGET', job, 'c') then
    action, reason, back, result = 'cancelled', 'none', false, 3
  end
  if back then
    header = header_of(a, f, c, i, moved(rest, ulid, entry, lane))
    if action ~= 'unread' then
      redis.call('HSET', job, 'last', attempt .. '|' .. settler .. '|', 'n:' .. attempt, tail)
      redis.call('HDEL', job, 'n:' .. string.format('%d', tonumber(attempt) - 20))
    end
    if action ~= 'retry' or (charge == 'crash' and after == '0') then
      open_lane(lanes, task, 'f', notices, queue)
      place(placed, front, task, 'f', header, args, job)
    elseif after == '0' then
      open_lane(lanes, task, priority, notices, queue)
      place(placed, target, task, priority, header, args, job)
    else
      local when = string.format('%d', now + tonumber(after))
      redis.call('HSET', job, 'st', 'y', 'k', task, 'h', header, 'a', args, 'd', when)
      redis.call('ZADD', due, when, ulid .. '/' .. priority .. '/' .. task)
      redis.call('ZADD', retrying, 0, ulid)
      table.insert(left, ulid)
    end
  else
    local ttl = action == 'failed' and failed_ttl or result_ttl
    redis.call('SET', record, record_of(attempt, settler, action, reason, task, lane, header_of(a, f, c, i, rest), args, tail),
      'PX', ttl)
    let_expire(job, logs, ttl)
    if unique ~= job then free_unique(unique, ulid) end
    if submit ~= job then let_submit_expire(submit, ulid, ttl) end
    table.insert(by_status[action], ulid)
    table.insert(ended, ulid)
    table.insert(left, ulid)
  end
  taken[place_of_entry] = true
  if not gone[stream] then gone[stream] = {} end
  table.insert(gone[stream], entry)
  return result
end

for n = 1, (#KEYS - 11) / 8 do out[n] = settle(12 + (n - 1) * 8, 6 + (n - 1) * 15) end
for stream, entries in pairs(gone) do
  redis.call('XACK', stream, 'c', unpack(entries))
  redis.call('XDEL', stream, unpack(entries))
end
if #left > 0 then redis.call('ZREM', placed, unpack(left)) end
local results = {}
for n, status in ipairs(statuses) do
  index(KEYS[3 + n], by_status[status])
  if status ~= 'failed' then for _, ulid in ipairs(by_status[status]) do table.insert(results, ulid) end end
end
will_expire(KEYS[9], results)
will_expire(KEYS[10], by_status.failed)
wake(waiters, channel, notices, ended)
return out
