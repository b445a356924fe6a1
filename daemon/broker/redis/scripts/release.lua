-- Lets jobs go that were held by others which have ended: into their streams when nothing holds them any more.
-- KEYS: due, lanes, index scheduled, placed; then for each job: stream, job, held
-- ARGV: notice channel, queue; then for each job: member of due, ulid, task, lane, ids of those that are complete and of those
--   that have ended otherwise, separated by spaces
-- Result for each: 1 it may run, 0 it is held still or was not held, 2 it can never run: one it is to run after is not complete
local due, lanes, scheduled, placed = unpack(KEYS, 1, 4)
local out = {}
for n = 1, (#KEYS - 4) / 3 do
  local stream, job, held = unpack(KEYS, n * 3 + 2, n * 3 + 4)
  local member, ulid, task, lane, complete, other = unpack(ARGV, n * 6 - 3, n * 6 + 2)
  local known = redis.call('HMGET', job, 'st', 'ae', 'h', 'a')
  out[n] = 0
  if known[1] == 's' and redis.call('EXISTS', held) == 1 then
    for id in string.gmatch(complete, '%S+') do redis.call('ZREM', held, id) end
    for id in string.gmatch(other, '%S+') do
      if known[2] then redis.call('ZREM', held, id) elseif redis.call('ZSCORE', held, id) then out[n] = 2 end
    end
    if out[n] == 0 and redis.call('EXISTS', held) == 0 then
      redis.call('ZREM', due, member)
      redis.call('ZREM', scheduled, ulid)
      open_lane(lanes, task, lane, ARGV[1], ARGV[2])
      place(placed, stream, task, lane, known[3] or ('0.0.0.0|g|i' .. ulid .. '|c' .. string.format('%d', now) .. '|q' .. lane),
        known[4] or '', job)
      out[n] = 1
    end
  end
end
return out
