-- What stands between a waiting job and its start.
-- KEYS: paused, parked, where, run, rates; then streams: of its task in its queue, in the order they are read; of its task in
--   other queues; of other tasks in its queue
-- ARGV: task, place (queue/lane/entry), number of its own stream among the first, numbers of the first and second streams, most to
--   count, its value ('' too if its task has no key); then names of accounts
-- Result: queue paused, task paused, ahead, running of the task, of the queue, of the value, now in microseconds, then the accounts
local paused, parked, where, run, rates = unpack(KEYS, 1, 5)
local task, place, own, first, second, most, value = unpack(ARGV, 1, 7)
own, first, second, most = tonumber(own), tonumber(first), tonumber(second), tonumber(most)
local entry = string.match(place, '([^/]+)$')
local pending = {}
for n = 6, #KEYS do
  local summary = redis.pcall('XPENDING', KEYS[n], 'c')
  pending[n - 5] = summary.err and 0 or summary[1]
end

local function delivered(stream)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then return '0-0' end
  for _, group in ipairs(groups) do
    local facts = {}
    for n = 1, #group, 2 do facts[group[n]] = group[n + 1] end
    if facts.name == 'c' then return facts['last-delivered-id'] end
  end
  return '0-0'
end

local ahead = 0
local sorted_as = redis.call('HGET', where, place)
if sorted_as then
  local lane = string.match(place, '^.*/(.)/[^/]+$')
  ahead = redis.call('ZLEXCOUNT', parked, '[' .. sorted_as .. '\0', '(' .. parked_as(sorted_as, place, lane, entry))
else
  for n = 1, own do
    local last = delivered(KEYS[n + 5])
    if n < own then
      ahead = ahead + math.max(redis.call('XLEN', KEYS[n + 5]) - pending[n], 0)
    elseif ahead < most then
      ahead = ahead + #redis.call('XRANGE', KEYS[n + 5], '(' .. last, '(' .. entry, 'COUNT', most)
    end
  end
end

local of_task, of_queue, of_value = 0, 0, 0
for n, count in ipairs(pending) do
  if n <= first + second then of_task = of_task + count end
  if n <= first or n > first + second then of_queue = of_queue + count end
end
for _, taken in ipairs(redis.call('HVALS', run)) do
  if string.match(taken, '%z(.*)$') == value then of_value = of_value + 1 end
end
local is_paused = {}
for _, name in ipairs(redis.call('ZRANGE', paused, 0, -1)) do is_paused[name] = true end
local out = {is_paused['*'] and 1 or 0, is_paused[task] and 1 or 0, math.min(ahead, most), of_task, of_queue, of_value,
  string.format('%d', time[1] * 1000000 + time[2])}
for n = 8, #ARGV do out[#out + 1] = redis.call('ZSCORE', rates, ARGV[n]) or '0' end
return out
