-- Takes waiting jobs: exactly as many as each group wants, its streams in the order given.
-- KEYS: paused and lanes for each queue; then the streams
-- ARGV: owner, number of queues, number of lanes known for each queue, most bytes;
--   then for each group: most, number of streams, and for each stream: number of its queue, task
-- Result: now, numbers of queues whose lanes are not all known, numbers of paused streams, then number of a stream and
--   its entries, in turn
local owner, queues = ARGV[1], tonumber(ARGV[2])
local room = tonumber(ARGV[3 + queues])
local out = {now, {}, {}}
local pauses = {}
for q = 1, queues do
  local paused = {}
  for _, name in ipairs(redis.call('ZRANGE', KEYS[q * 2 - 1], 0, -1)) do paused[name] = true end
  pauses[q] = paused
  if redis.call('ZCARD', KEYS[q * 2]) ~= tonumber(ARGV[2 + q]) then table.insert(out[2], q) end
end

local function read(stream, count)
  local reply = redis.pcall('XREADGROUP', 'GROUP', 'c', owner, 'COUNT', count, 'STREAMS', stream, '>')
  if reply and reply.err then
    if string.find(reply.err, 'NOGROUP', 1, true) then redis.call('XGROUP', 'CREATE', stream, 'c', '0', 'MKSTREAM') end
    -- Any other error comes again, and then says where.
    reply = redis.call('XREADGROUP', 'GROUP', 'c', owner, 'COUNT', count, 'STREAMS', stream, '>')
  end
  return reply and reply[1][2] or {}
end

local function size(entries)
  local bytes = 0
  for _, entry in ipairs(entries) do
    for _, value in ipairs(entry[2] or {}) do bytes = bytes + #value end
  end
  return bytes
end

local at, stream = 4 + queues, 0
while ARGV[at] do
  local wanted, streams = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  at = at + 2
  for _ = 1, streams do
    stream = stream + 1
    local paused = pauses[tonumber(ARGV[at])]
    local key = KEYS[queues * 2 + stream]
    if paused['*'] or paused[ARGV[at + 1]] then
      table.insert(out[3], stream)
    else
      -- In steps, so that a reply of large jobs stays within bounds.
      local more = true
      while more and wanted > 0 and room > 0 do
        local step = math.min(wanted, 100)
        local entries = read(key, step)
        more = #entries == step
        wanted = wanted - #entries
        room = room - size(entries)
        if #entries > 0 then
          table.insert(out, stream)
          table.insert(out, entries)
        end
      end
    end
    at = at + 2
  end
end
return out
