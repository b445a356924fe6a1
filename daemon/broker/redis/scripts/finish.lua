-- The commonest end of an attempt, made cheap: final, by its owner, of a job without a unique or an idempotency key. Fenced as settle.lua,
-- which does everything else; the fewer words and calls for each job, the more jobs a second.
-- KEYS: waiters, index complete, index failed, index cancelled, expiry of results, expiry of failed, placed; the streams;
--   then for each job: record, job, logs
-- ARGV: result ttl, failed ttl, waiter channel, notice channel, owner, number of streams;
--   for each stream: 'task|lane|', first and last entry of the jobs, how many rows of the pending list to look at between them;
--   then for each job: number of its stream, ulid, entry, deliveries, attempt, charge, 'status|reason|', tail;
--   without a charge: the rest of the record as it is to be, '#header|#arguments|header arguments tail'
-- Result for each: 1 applied, 2 repeated, 0 lost
local owner, streams = ARGV[5], tonumber(ARGV[6])
local mark, ended_at = '|' .. owner .. '|', string.format('%d', now)
local first_key, first_arg = 8 + streams, 7 + streams * 4
local count = (#KEYS - 7 - streams) / 3
local out, gone, ended, taken = {}, {}, {}, {}
local by_status = {complete = {}, failed = {}, cancelled = {}}

local jobs = {}
for n = 1, count do jobs[n] = KEYS[first_key + n * 3 - 2] end
local any_said_something = redis.call('EXISTS', unpack(jobs)) > 0

-- How often each entry was delivered that the owner has there: one look finds most of the batch.
local delivered = {}
for s = 1, streams do
  local at, counts = 3 + s * 4, {}
  local rows = redis.pcall('XPENDING', KEYS[7 + s], 'c', ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], owner)
  if not rows.err then
    for _, row in ipairs(rows) do counts[row[1]] = row[4] end
  end
  delivered[s] = counts
end

-- The counters after this attempt.
local function counted(header, attempt, charge)
  if header == '' and charge == 'nothing' then return attempt .. '.0.0.0' end
  local _, f, c, i, rest = counters(header)
  if charge == 'failure' then f = f + 1 elseif charge == 'crash' then c = c + 1 elseif charge == 'interruption' then i = i + 1 end
  return header_of(tonumber(attempt), f, c, i, rest)
end

for n = 1, count do
  local k, v = first_key + n * 3 - 3, first_arg + n * 8 - 8
  local number, ulid, entry, deliveries, attempt, charge, verdict, tail = unpack(ARGV, v, v + 7)
  number = tonumber(number)
  local stream, record = KEYS[7 + number], KEYS[k]
  -- The rows of this batch are removed at its end: a second settlement in it must not see the first one's.
  local place_of_entry = number .. '/' .. entry
  local held = delivered[number][entry] == tonumber(deliveries) or held_by(stream, entry, owner, tonumber(deliveries), 0)
  if taken[place_of_entry] or not held then
    local mine = attempt .. mark
    local old = redis.call('GET', record)
    local repeated = old and string.sub(old, 1, #mine) == mine or redis.call('HGET', KEYS[k + 1], 'last') == mine
    out[n] = repeated and 2 or 0
  else
    local status = string.match(verdict, '^%a+')
    local ttl = status == 'failed' and ARGV[2] or ARGV[1]
    if charge ~= '' then
      local header, args = read_entry(stream, entry)
      header = counted(header, attempt, charge)
      tail = #header .. '|' .. #args .. '|' .. header .. args .. tail
    end
    redis.call('SET', record, attempt .. mark .. verdict .. ended_at .. '|' .. ARGV[3 + number * 4] .. tail, 'PX', ttl)
    if any_said_something then let_expire(KEYS[k + 1], KEYS[k + 2], ttl) end
    taken[place_of_entry] = true
    local list = gone[stream] or {}
    list[#list + 1] = entry
    gone[stream] = list
    local same = by_status[status]
    same[#same + 1] = ulid
    ended[#ended + 1] = ulid
    out[n] = 1
  end
end
for stream, entries in pairs(gone) do
  redis.call('XACK', stream, 'c', unpack(entries))
  redis.call('XDEL', stream, unpack(entries))
end
if any_said_something and #ended > 0 then redis.call('ZREM', KEYS[7], unpack(ended)) end
index(KEYS[2], by_status.complete)
index(KEYS[3], by_status.failed)
index(KEYS[4], by_status.cancelled)
will_expire(KEYS[5], by_status.complete)
will_expire(KEYS[5], by_status.cancelled)
will_expire(KEYS[6], by_status.failed)
wake(KEYS[1], ARGV[3], ARGV[4], ended)
return out
