-- A worker announces a schedule, or somebody adds one. A new one, and one whose times are others now, begins at this moment.
-- KEYS: schedule   ARGV: definition, timing, milliseconds for which it is announced; or '' and until when it is kept as one that was added
-- Result: 1, or 0 if it was to be added and a worker announces it
local before = redis.call('HMGET', KEYS[1], 'timing', 'alive')
local begins = before[1] ~= ARGV[2]
local alive = ARGV[4]
if ARGV[3] ~= '' then
  alive = string.format('%d', now + tonumber(ARGV[3]))
elseif before[2] ~= alive then
  if (tonumber(before[2]) or 0) >= now then return 0 end
  begins = true
end
redis.call('HSET', KEYS[1], 'definition', ARGV[1], 'timing', ARGV[2], 'alive', alive)
if begins then redis.call('HSET', KEYS[1], 'done', string.format('%d', now)) end
return 1
