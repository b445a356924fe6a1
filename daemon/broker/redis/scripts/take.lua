-- In a cluster: takes waiting jobs of one task in one queue as a turn has decided, unless a later one has counted here.
-- KEYS: fence, paused; then streams   ARGV: number of the turn, worker, most bytes, task, most jobs
-- Result: as claim.lua; -1 for now if it was refused
local owner, bytes, task, wanted = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
if tonumber(redis.call('GET', KEYS[1]) or 0) > tonumber(ARGV[1]) then return {-1} end
local paused = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do paused[name] = true end
local out = {now, {}, {}, {}}

local function read(stream, count)
  local reply = redis.pcall('XREADGROUP', 'GROUP', 'c', owner, 'COUNT', count, 'STREAMS', stream, '>')
  if reply and reply.err then
    if string.find(reply.err, 'NOGROUP', 1, true) then redis.call('XGROUP', 'CREATE', stream, 'c', '0', 'MKSTREAM') end
    reply = redis.call('XREADGROUP', 'GROUP', 'c', owner, 'COUNT', count, 'STREAMS', stream, '>')
  end
  return reply and reply[1][2] or {}
end

for n = 3, #KEYS do
  local more = true
  if paused['*'] or paused[task] then
    table.insert(out[3], n - 2)
    more = false
  end
  while more and wanted > 0 and bytes > 0 do
    local step = math.min(wanted, 100)
    local entries = read(KEYS[n], step)
    more = #entries == step
    wanted = wanted - #entries
    for _, entry in ipairs(entries) do
      for _, word in ipairs(entry[2] or {}) do bytes = bytes - #word end
    end
    if #entries > 0 then
      table.insert(out, n - 2)
      table.insert(out, entries)
    end
  end
end
return out
