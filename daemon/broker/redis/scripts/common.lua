-- Shared by every script. The group of every stream is 'c', created at 0 so that no waiting job is skipped.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A header begins with the counters: attempts.failures.crashes.interruptions, all zero when it is empty.
local function counters(header)
  if header == '' then return 0, 0, 0, 0, '' end
  local a, f, c, i, rest = string.match(header, '^(%d+)%.(%d+)%.(%d+)%.(%d+)(.*)$')
  if not a then return nil end
  return tonumber(a), tonumber(f), tonumber(c), tonumber(i), rest
end

local function header_of(a, f, c, i, rest)
  return string.format('%d.%d.%d.%d', a, f, c, i) .. rest
end

-- Header and arguments of a stream entry; a record that cannot be read is kept as it is, marked with 'g'.
local function read_entry(stream, entry)
  local found = redis.call('XRANGE', stream, entry, entry)[1]
  if not found then return '0.0.0.0|g', '' end
  local fields = found[2]
  if #fields == 4 and fields[1] == 'h' and fields[3] == 'a' and counters(fields[2]) then return fields[2], fields[4] end
  return '0.0.0.0|g', table.concat(fields, ' ')
end

-- A job that leaves the entry its id was made from takes along what the id would have told.
local function moved(rest, ulid, entry, lane)
  if string.find(rest, '|i', 1, true) then return rest end
  if lane == 'f' then lane = '5' end
  return rest .. '|i' .. ulid .. '|c' .. string.match(entry, '^%d+') .. '|q' .. lane
end

-- The pending row {id, owner, idle, deliveries} of an entry, or nil.
local function pending_row(stream, entry)
  local rows = redis.pcall('XPENDING', stream, 'c', entry, entry, 1)
  if rows.err then return nil end
  return rows[1]
end

-- The entry up to which a stream's group was given jobs, nil if it has none; and whether there is such a stream.
local function last_delivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return nil, false end
  for _, group in ipairs(groups) do
    local facts = {}
    for n = 1, #group, 2 do facts[group[n]] = group[n + 1] end
    if facts.name == 'c' then return facts['last-delivered-id'], true end
  end
  return nil, true
end

-- The same for one who will give jobs; nil if there is no such stream.
local function delivered_up_to(stream)
  local last, there = last_delivered(stream)
  if last or not there then return last end
  redis.call('XGROUP', 'CREATE', stream, 'c', '0')
  return '0-0'
end

-- Gives a worker the next jobs of a stream; its entries.
local function read_new(stream, worker, count)
  local reply = redis.pcall('XREADGROUP', 'GROUP', 'c', worker, 'COUNT', count, 'STREAMS', stream, '>')
  if reply and reply.err then
    if string.find(reply.err, 'NOGROUP', 1, true) then redis.call('XGROUP', 'CREATE', stream, 'c', '0', 'MKSTREAM') end
    -- Any other error comes again, and then says where.
    reply = redis.call('XREADGROUP', 'GROUP', 'c', worker, 'COUNT', count, 'STREAMS', stream, '>')
  end
  return reply and reply[1][2] or {}
end

-- How many attempts of a stream run, all and of one worker.
local function pending_counts(stream, worker)
  local summary, mine = redis.pcall('XPENDING', stream, 'c'), 0
  if summary.err then return 0, 0 end
  for _, consumer in ipairs(summary[4] or {}) do
    if consumer[1] == worker then mine = tonumber(consumer[2]) end
  end
  return summary[1], mine
end

-- What a job weighs by its header, or else its task.
local function weight_of(header, otherwise) return tonumber(string.match(header, '|m(%d+)')) or otherwise end

-- Goes through the attempts of a queue that run and weigh more than one, with stream, entry, units and owner; those that run no
-- more are forgotten. Gives the tasks of which jobs with a weight were ever submitted.
local function each_heavy(key, each)
  local all, tasks = redis.call('HGETALL', key), {}
  for n = 1, #all, 2 do
    local task = string.match(all[n], '^!(.*)$')
    local stream, entry = string.match(all[n], '^(.*) ([^ ]+)$')
    local row = not task and stream and pending_row(stream, entry)
    if task then
      tasks[task] = true
    elseif row then
      each(stream, entry, tonumber(all[n + 1]), row[2])
    else
      redis.call('HDEL', key, all[n])
    end
  end
  return tasks
end

local function held_by(stream, entry, owner, deliveries, idle)
  local row = pending_row(stream, entry)
  if row and row[2] == owner and row[4] == deliveries and row[3] >= idle then return row end
  return nil
end

-- A job that waits in `parked` (admit.lua): by value, then '0' for the front lane and on by falling priority, then by entry.
local function parked_as(value, place, lane, entry)
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  local rank = lane == 'f' and '0' or string.char(58 - tonumber(lane))
  return value .. '\0' .. rank .. string.format('%015d-%010d', ms, seq) .. '/' .. place
end

-- Registers a stream that may be new; says so to workers.
local function open_lane(lanes, task, lane, notices, queue)
  if redis.call('ZADD', lanes, 0, task .. '/' .. lane) == 1 then redis.call('PUBLISH', notices, 'changed ' .. queue) end
end

-- Puts a job at the end of a stream and writes down where it lies. `placed` lists it for the reconciler, by the time of its entry,
-- until it leaves its stream; with the header in its hash too, what is tied to it can be freed when the entry is gone.
local function place(placed, stream, task, lane, header, args, job)
  local entry = redis.call('XADD', stream, '*', 'h', header, 'a', args)
  redis.call('HSET', job, 'st', 'q', 'k', task, 'at', lane .. '/' .. entry, 'w', (string.gsub(header, '|i[^|]*', '', 1)))
  redis.call('HDEL', job, 'h', 'a', 'd')
  redis.call('ZADD', placed, string.match(entry, '^%d+'), string.sub(job, -26))
end

-- The final record, as one string. The first two fields tell a repeated settlement from a stale one.
local function record_of(attempt, settler, status, reason, task, lane, header, args, tail)
  return table.concat({attempt, settler, status, reason, string.format('%d', now), task, lane, #header, #args, ''}, '|')
    .. header .. args .. tail
end

-- What outlives a job, if it ever said anything of itself.
local function let_expire(job, logs, ttl)
  if redis.call('EXISTS', job) == 1 then
    redis.call('HDEL', job, 'h', 'a', 'd', 'c', 'w')
    redis.call('PEXPIRE', job, ttl)
    redis.call('PEXPIRE', logs, ttl)
  end
end

-- The value of a unique key is the ulid of its holder, and '/w' if it counts only until that one is started.
local function free_unique(unique, ulid)
  local holder = redis.call('GET', unique)
  if holder and string.sub(holder, 1, 26) == ulid then redis.call('DEL', unique) end
end

-- The key of a submit is kept as long as the record of the job it made.
local function let_submit_expire(submit, ulid, ttl)
  if redis.call('GET', submit) == ulid then redis.call('PEXPIRE', submit, ttl) end
end

-- Tells those who wait for one of these jobs that it has ended, and workers if others are to run after it: these have a field
-- '>ULID' beside, with the job's id. A field '!ULID' says that it was asked to stop while it ran.
local function wake(waiters, channel, notices, ulids)
  if #ulids == 0 or redis.call('EXISTS', waiters) == 0 then return end
  local fields, told, freed = {}, {}, {}
  for n, ulid in ipairs(ulids) do
    fields[n * 3 - 2] = ulid
    fields[n * 3 - 1] = '>' .. ulid
    fields[n * 3] = '!' .. ulid
  end
  local wanted = redis.call('HMGET', waiters, unpack(fields))
  for n, ulid in ipairs(ulids) do
    local waited, follows, asked = unpack(wanted, n * 3 - 2, n * 3)
    if waited then
      redis.call('PUBLISH', channel .. ulid, 'ended')
      told[#told + 1] = ulid
    end
    if follows then freed[#freed + 1] = follows end
    if waited or follows or asked then redis.call('HDEL', waiters, ulid, '>' .. ulid, '!' .. ulid) end
  end
  if #told > 0 then redis.call('PUBLISH', channel .. 'any', table.concat(told, ' ')) end
  if #freed > 0 then redis.call('PUBLISH', notices, 'freed ' .. table.concat(freed, ' ')) end
end

local function index(key, ulids)
  if #ulids == 0 then return end
  local words = {}
  for _, ulid in ipairs(ulids) do
    words[#words + 1] = 0
    words[#words + 1] = ulid
  end
  redis.call('ZADD', key, unpack(words))
end

-- Remembers which records end together, so that the indexes can forget them when they have expired.
local function will_expire(key, ulids)
  if #ulids > 0 then redis.call('XADD', key, '*', 'i', table.concat(ulids, ' ')) end
end
