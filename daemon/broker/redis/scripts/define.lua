-- A worker announces a schedule. A new one, and one whose times are others now, begins at this moment.
-- KEYS: schedule   ARGV: definition, timing, milliseconds for which it is announced
local before = redis.call('HGET', KEYS[1], 'timing')
redis.call('HSET', KEYS[1], 'definition', ARGV[1], 'timing', ARGV[2], 'alive', string.format('%d', now + tonumber(ARGV[3])))
if before ~= ARGV[2] then redis.call('HSET', KEYS[1], 'done', string.format('%d', now)) end
return 1
