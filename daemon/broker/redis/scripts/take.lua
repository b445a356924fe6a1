-- In a cluster: takes waiting jobs of one task in one queue as a turn has decided, unless a later one has counted here.
-- KEYS: fence, paused, heavy; then streams
-- ARGV: number of the turn, worker, most bytes, task, most jobs, what a job weighs that has no weight of its own ('' if all weigh one); then, if
--   they may weigh more, for each stream the number of jobs to take and what each of them must weigh
-- Result: as claim.lua; -1 for now if it was refused
local owner, bytes, task, wanted, weight = ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
if tonumber(redis.call('GET', KEYS[1]) or 0) > tonumber(ARGV[1]) then return {-1} end
local paused = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do paused[name] = true end
local out, at = {now, {}, {}, {}}, 7

local function give(stream, entries)
  wanted = wanted - #entries
  for _, entry in ipairs(entries) do
    for _, word in ipairs(entry[2] or {}) do bytes = bytes - #word end
  end
  if #entries > 0 then
    table.insert(out, stream)
    table.insert(out, entries)
  end
end

-- Another may have taken the job that was seen; the one after it is not taken in its place if it weighs something else.
local function next_weighs(stream, units)
  local last = last_delivered(stream) or '0-0'
  local entry = redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', 1)[1]
  return entry and weight_of(#entry[2] == 4 and entry[2][2] or '', weight) == units
end

for n = 4, #KEYS do
  local count = weight and tonumber(ARGV[at]) or 0
  if paused['*'] or paused[task] then
    table.insert(out[3], n - 3)
  elseif weight then
    for k = 1, count do
      local units = tonumber(ARGV[at + k])
      if bytes <= 0 or not next_weighs(KEYS[n], units) then break end
      local entries = read_new(KEYS[n], owner, 1)
      if units > 1 and entries[1] then redis.call('HSET', KEYS[3], KEYS[n] .. ' ' .. entries[1][1], units) end
      give(n - 3, entries)
    end
  else
    local more = true
    while more and wanted > 0 and bytes > 0 do
      local step = math.min(wanted, 100)
      local entries = read_new(KEYS[n], owner, step)
      more = #entries == step
      give(n - 3, entries)
    end
  end
  at = at + count + 1
end
return out
