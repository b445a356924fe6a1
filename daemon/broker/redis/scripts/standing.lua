-- What stands between a waiting job and its start.
-- KEYS: paused, parked, where, run, rates; then streams: of its task in its queue, in the order they are read; of its task in
--   other queues; of other tasks in its queue; then where the attempts of queues stand that weigh more than one
-- ARGV: task, place (queue/lane/entry), number of its own stream among the first, numbers of the first and second streams, most to
--   count, its value ('' too if its task has no key), number of keys at the end; then names of accounts
-- Result: queue paused, task paused, ahead, units that run of the task, of the queue, of the value, now in microseconds, then the accounts
local paused, parked, where, run, rates = unpack(KEYS, 1, 5)
local task, place, own, first, second, most, value, heavies = unpack(ARGV, 1, 8)
own, first, second, most, heavies = tonumber(own), tonumber(first), tonumber(second), tonumber(most), tonumber(heavies)
local entry = string.match(place, '([^/]+)$')
local pending, extra, units = {}, {}, {}
for n = #KEYS - heavies + 1, #KEYS do
  local prefix, queue = string.match(KEYS[n], '^(.*:([^:}]+)}:)heavy$')
  each_heavy(KEYS[n], function(stream, at, count)
    local lane = string.sub(stream, -1)
    extra[stream] = (extra[stream] or 0) + count - 1
    if stream == prefix .. 's:' .. task .. ':' .. lane then units[queue .. '/' .. lane .. '/' .. at] = count end
  end)
end
for n = 6, #KEYS - heavies do
  local summary = redis.pcall('XPENDING', KEYS[n], 'c')
  pending[n - 5] = summary.err and 0 or summary[1] + (extra[KEYS[n]] or 0)
end

local ahead = 0
local sorted_as = redis.call('HGET', where, place)
if sorted_as then
  local lane = string.match(place, '^.*/(.)/[^/]+$')
  ahead = redis.call('ZLEXCOUNT', parked, '[' .. sorted_as .. '\0', '(' .. parked_as(sorted_as, place, lane, entry))
else
  for n = 1, own do
    local last = last_delivered(KEYS[n + 5]) or '0-0'
    if n < own then
      ahead = ahead + math.max(redis.call('XLEN', KEYS[n + 5]) - (pending[n] - (extra[KEYS[n + 5]] or 0)), 0)
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
local taken = redis.call('HGETALL', run)
for n = 1, #taken, 2 do
  if string.match(taken[n + 1], '%z(.*)$') == value then of_value = of_value + (units[taken[n]] or 1) end
end
local is_paused = {}
for _, name in ipairs(redis.call('ZRANGE', paused, 0, -1)) do is_paused[name] = true end
local out = {is_paused['*'] and 1 or 0, is_paused[task] and 1 or 0, math.min(ahead, most), of_task, of_queue, of_value,
  string.format('%d', time[1] * 1000000 + time[2])}
for n = 9, #ARGV do out[#out + 1] = redis.call('ZSCORE', rates, ARGV[n]) or '0' end
return out
