-- What a running attempt says of itself, and the renewal of its lease: fenced like settle.lua.
-- KEYS: for each lease: stream, job, logs
-- ARGV: most log lines; then for each lease: entry, owner, deliveries, attempt, '1' to renew,
--   number of words and hash fields with values, number of words and fields to drop, number and log lines
-- Result for each: 0 lost, 1 held, 2 held and asked to stop
local at = 2
local function words()
  local count = tonumber(ARGV[at])
  local from = at + 1
  at = from + count
  return from, count
end

local function touch(stream, job, logs)
  local entry, owner, deliveries, attempt, renew = unpack(ARGV, at, at + 4)
  at = at + 5
  local fields, field_count = words()
  local drops, drop_count = words()
  local lines, line_count = words()
  local row = held_by(stream, entry, owner, tonumber(deliveries), 0)
  if not row then return 0 end
  local known = redis.call('HMGET', job, 'c', 'sa')
  if renew == '1' then
    -- The pending list only knows when the lease was last renewed.
    local prefix = attempt .. ':'
    if not known[2] or string.sub(known[2], 1, #prefix) ~= prefix then
      redis.call('HSET', job, 'sa', prefix .. string.format('%d', now - row[3]))
    end
    -- XCLAIM drops the row of an entry that somebody deleted; its attempt must still be able to settle.
    if redis.call('XRANGE', stream, entry, entry)[1] then redis.call('XCLAIM', stream, 'c', owner, 0, entry, 'JUSTID') end
  end
  if field_count > 0 then redis.call('HSET', job, unpack(ARGV, fields, fields + field_count - 1)) end
  if drop_count > 0 then redis.call('HDEL', job, unpack(ARGV, drops, drops + drop_count - 1)) end
  for n = lines, lines + line_count - 1 do redis.call('XADD', logs, 'MAXLEN', ARGV[1], '*', 'v', ARGV[n]) end
  if line_count > 0 then redis.call('HSET', job, 'l', '1') end
  return known[1] and 2 or 1
end

local out = {}
for n = 1, #KEYS / 3 do out[n] = touch(unpack(KEYS, n * 3 - 2, n * 3)) end
return out
