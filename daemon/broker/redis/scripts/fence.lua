-- In a cluster: what a turn must know of a queue; and from now on nothing that an earlier turn decided is taken here.
-- KEYS: fence, paused, lanes; then streams
-- ARGV: number of the turn ('0' for one who only looks), worker, number of lanes known, most to count; then for each stream: the pointer its jobs are sorted by ('' if
--   they are not), most to sort
-- Result: number of the turn that came after ours (nothing more then) or 0, 1 if all lanes are known, what is paused; then for each stream: attempts,
--   those of this worker, jobs that wait to be delivered (as far as counted; for one who only looks, those parked by a key too), its last entry, then entry and value of those to be sorted
local number, owner = tonumber(ARGV[1]), ARGV[2]
local before = tonumber(redis.call('GET', KEYS[1]) or 0)
if number > 0 then
  if before > number then return {before} end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', 86400000)
end
local out = {0, redis.call('ZCARD', KEYS[3]) == tonumber(ARGV[3]) and 1 or 0, redis.call('ZRANGE', KEYS[2], 0, -1)}

local function delivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return '0-0' end
  for _, group in ipairs(groups) do
    local facts = {}
    for n = 1, #group, 2 do facts[group[n]] = group[n + 1] end
    if facts.name == 'c' then return facts['last-delivered-id'] end
  end
  redis.call('XGROUP', 'CREATE', stream, 'c', '0')
  return '0-0'
end

for n = 4, #KEYS do
  local stream, key, most = KEYS[n], ARGV[n * 2 - 3], tonumber(ARGV[n * 2 - 2])
  local summary = redis.pcall('XPENDING', stream, 'c')
  local all, mine = 0, 0
  if not summary.err then
    all = summary[1]
    for _, consumer in ipairs(summary[4] or {}) do
      if consumer[1] == owner then mine = tonumber(consumer[2]) end
    end
  end
  local last = delivered(stream)
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  local facts = {all, mine, 0, newest and newest[1] or '0-0'}
  if number == 0 then
    facts[3] = math.max(redis.call('XLEN', stream) - all, 0)
  elseif key == '' then
    facts[3] = #redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', ARGV[4])
  elseif most > 0 then
    for _, entry in ipairs(redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', most)) do
      facts[#facts + 1] = entry[1]
      facts[#facts + 1] = value_of({key = key}, #entry[2] == 4 and entry[2][4] or '')
    end
  end
  out[#out + 1] = facts
end
return out
