-- Moves due jobs to their streams.
-- KEYS: due, lanes, index scheduled, index retrying, placed; then for each job: stream, job, held
-- ARGV: notice channel, queue; then for each job: member, ulid, task, lane
-- Result: number of jobs moved, and those (their numbers) that other jobs still hold: looked at again later
local due, lanes, scheduled, retrying, placed = unpack(KEYS, 1, 5)
local LOOK_AGAIN = 15000
local moved_count, still_held = 0, {}
for n = 1, (#KEYS - 5) / 3 do
  local stream, job, held = KEYS[n * 3 + 3], KEYS[n * 3 + 4], KEYS[n * 3 + 5]
  local member, ulid, task, lane = unpack(ARGV, n * 4 - 1, n * 4 + 2)
  -- Whoever removes the member has the job: two workers may promote at once. And it must be due still: since this worker
  -- looked, it may have been promoted, run, and put back under the same name to wait for its next time.
  local when = redis.call('ZSCORE', due, member)
  if when and tonumber(when) <= now and redis.call('EXISTS', held) == 1 then
    redis.call('ZADD', due, now + LOOK_AGAIN, member)
    table.insert(still_held, n)
  elseif when and tonumber(when) <= now then
    redis.call('ZREM', due, member)
    local stored = redis.call('HMGET', job, 'h', 'a', 'st')
    redis.call('ZREM', scheduled, ulid)
    redis.call('ZREM', retrying, ulid)
    -- A member that was left behind by a job which stands in a stream is none.
    if stored[3] ~= 'q' then
      -- A record that somebody damaged goes to a worker too, which will say so.
      local header = stored[1] or ('0.0.0.0|g|i' .. ulid .. '|c' .. string.format('%d', now) .. '|q' .. lane)
      open_lane(lanes, task, lane, ARGV[1], ARGV[2])
      place(placed, stream, task, lane, header, stored[2] or '', job)
      moved_count = moved_count + 1
    end
  end
end
return {moved_count, still_held}
