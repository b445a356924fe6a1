-- In a cluster: what a turn must know of a queue; and from now on nothing that an earlier turn decided is taken here.
-- KEYS: fence, paused, lanes, heavy; then streams
-- ARGV: number of the turn ('0' for one who only looks), worker, number of lanes known, most to count, most to sort; then for each stream: its
--   task, what its jobs weigh that have no weight of their own, the pointer that they are sorted by ('' if they are not)
-- Result: number of the turn that came after ours (nothing more then) or 0, 1 if all lanes are known, what is paused, stream, entry and units of each
--   attempt that weighs more than one; then for each stream: units that run, those of this worker, jobs that wait to be delivered (as
--   far as counted; for one who only looks, those parked by a key too), its last entry, 1 if its jobs may weigh more than one,
--   then entry and value of those to be sorted, or what those weigh that wait
local number, owner = tonumber(ARGV[1]), ARGV[2]
local before = tonumber(redis.call('GET', KEYS[1]) or 0)
if number > 0 then
  if before > number then return {before} end
  redis.call('SET', KEYS[1], ARGV[1], 'PX', 86400000)
end
local heavy, extra, extra_mine = {}, {}, {}
local weighing = each_heavy(KEYS[4], function(stream, entry, units, holder)
  for _, word in ipairs({stream, entry, units}) do heavy[#heavy + 1] = word end
  extra[stream] = (extra[stream] or 0) + units - 1
  if holder == owner then extra_mine[stream] = (extra_mine[stream] or 0) + units - 1 end
end)
local out = {0, redis.call('ZCARD', KEYS[3]) == tonumber(ARGV[3]) and 1 or 0, redis.call('ZRANGE', KEYS[2], 0, -1), heavy}

for n = 5, #KEYS do
  local stream, task, weight, key = KEYS[n], unpack(ARGV, n * 3 - 9, n * 3 - 7)
  weight = tonumber(weight)
  local all, mine = pending_counts(stream, owner)
  local last = delivered_up_to(stream) or '0-0'
  local newest = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
  local weighs = weight > 1 or weighing[task]
  local facts = {all + (extra[stream] or 0), mine + (extra_mine[stream] or 0), 0, newest and newest[1] or '0-0', weighs and 1 or 0}
  local sorted = key ~= '' and number > 0
  local waiting = redis.call('XRANGE', stream, '(' .. last, '+', 'COUNT', sorted and ARGV[5] or number > 0 and ARGV[4] or 1)
  facts[3] = number > 0 and #waiting or math.max(redis.call('XLEN', stream) - all, 0)
  for _, entry in ipairs(waiting) do
    local ours = #entry[2] == 4
    if sorted then
      facts[#facts + 1] = entry[1]
      facts[#facts + 1] = value_of({key = key}, ours and entry[2][4] or '')
    elseif weighs then
      facts[#facts + 1] = weight_of(ours and entry[2][2] or '', weight)
    end
  end
  out[#out + 1] = facts
end
return out
