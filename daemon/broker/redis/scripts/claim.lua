-- Takes waiting jobs: exactly as many as each group wants, its streams in the order given.
-- KEYS: paused and lanes for each queue; then the streams; then those of admit.lua
-- ARGV: owner, number of queues, number of lanes known for each queue, most bytes, what is limited ('' if nothing),
--   'look' if nothing shall be taken, 'last' if the last entries are wanted although nothing is limited;
--   then for each group: most, number of streams, and for each stream: number of its queue, task, number of what limits it or 0
-- Result of a look: empty, numbers of queues whose lanes are not all known, then numbers of streams that have a job which a claim would be given
-- Result: now, numbers of queues whose lanes are not all known, numbers of paused streams, microseconds until a limit may
--   admit more, the last entries of the streams and the circles that are not closed (all three only if nothing was taken, and
--   something is limited or they are wanted), then number of a stream and its entries, in turn
local owner, queues = ARGV[1], tonumber(ARGV[2])
local room = tonumber(ARGV[3 + queues])
local limited = ARGV[4 + queues] ~= '' and cjson.decode(ARGV[4 + queues])
local looking = ARGV[5 + queues] == 'look'
local out = {now, {}, {}, {}}
local pauses = {}
for q = 1, queues do
  local paused = {}
  for _, name in ipairs(redis.call('ZRANGE', KEYS[q * 2 - 1], 0, -1)) do paused[name] = true end
  pauses[q] = paused
  if redis.call('ZCARD', KEYS[q * 2]) ~= tonumber(ARGV[2 + q]) then table.insert(out[2], q) end
end

local function size(entries)
  local bytes = 0
  for _, entry in ipairs(entries) do
    local fields = entry[2] or {}
    if #fields == 4 then
      bytes = bytes + #fields[2] + #fields[4]
    else
      for _, value in ipairs(fields) do bytes = bytes + #value end
    end
  end
  return bytes
end

local admits = limited and admission(limited, owner)
-- What is not known of streams may be what a limit counts.
local unsure = admits and #admits.stale > 0
if unsure then for _, q in ipairs(admits.stale) do table.insert(out[2], q) end end

local function give(stream, entries)
  room = room - size(entries)
  table.insert(out, stream)
  table.insert(out, entries)
end

local first_stream = queues * 2
local at, stream = 6 + queues, 0
local queue_of = {}
if admits then
  local look, n = at, 0
  while ARGV[look] do
    local streams = tonumber(ARGV[look + 1])
    look = look + 2
    for _ = 1, streams do
      n = n + 1
      queue_of[n] = {tonumber(ARGV[look]), ARGV[look + 1]}
      look = look + 3
    end
  end
end
local function is_paused(n)
  local paused = pauses[queue_of[n][1]]
  return paused['*'] or paused[queue_of[n][2]]
end

-- What is parked by a key is among those that are not pending, too.
local function waits(key)
  local summary = redis.pcall('XPENDING', key, 'c')
  return redis.call('XLEN', key) > (summary.err and 0 or summary[1])
end

while ARGV[at] do
  local wanted, streams = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, streams do
    stream = stream + 1
    local q = tonumber(ARGV[at])
    local paused = pauses[q]
    local k = first_stream + stream
    local task = admits and limited.tasks[tonumber(ARGV[at + 2])]
    if paused['*'] or paused[ARGV[at + 1]] then
      table.insert(out[3], stream)
    elseif looking then
      local bound = admits and (task or admits.limits_queue(q))
      local weight = bound and admits.weight(task, ARGV[at + 1], q, k) or 1
      if not (unsure and bound) and waits(KEYS[k]) and (not bound or admits.room(task, q, k, 1, weight) > 0) then table.insert(out, stream) end
    else
      if task and (task.key ~= '' or task.drain) and not task.done and not unsure then
        task.done = true
        local most = admits.fitting(task, wanted)
        admits.take_by_value(tonumber(ARGV[at + 2]), task, room > 0 and most or 0, function(from, entries)
          give(from, entries)
          wanted, most = wanted - 1, most - 1
          return room > 0 and most or 0
        end, function(n, weight) return not is_paused(n) and admits.places(queue_of[n][1], 1, weight) > 0 end)
      end
      if not (task and task.key ~= '') then
        -- In steps, so that a reply of large jobs stays within bounds.
        local more = not (unsure and (task or admits.limits_queue(q)))
        while more and wanted > 0 and room > 0 do
          local weight = admits and admits.weight(task, ARGV[at + 1], q, k)
          local step = weight and 1 or math.min(wanted, 100)
          weight = weight or 1
          local admitted = admits and admits.room(task, q, k, step, weight) or step
          local entries = admitted > 0 and read_new(KEYS[k], owner, admitted) or {}
          more = #entries == step
          wanted = wanted - #entries
          if #entries > 0 then
            if admits then admits.took(task, k, nil, #entries, weight) end
            if weight > 1 then admits.mark(q, k, entries[1][1], weight) end
            give(stream, entries)
          end
        end
      end
    end
    at = at + 3
  end
end

if looking then
  local found = {{}, out[2]}
  for n = 5, #out do found[n - 2] = out[n] end
  return found
end
if admits then admits.close() end
if (admits or ARGV[5 + queues] == 'last') and #out == 4 then
  local last = {}
  for n = 1, stream do
    local newest = redis.call('XREVRANGE', KEYS[first_stream + n], '+', '-', 'COUNT', 1)[1]
    last[n] = newest and newest[1] or '0-0'
  end
  out[4] = {admits and admits.again or -1, last, admits and admits.circles or {}}
end
return out
