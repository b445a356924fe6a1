-- What is due now, by the broker's clock.
-- KEYS: due, deadlines   ARGV: most
-- Result: now, when the next one is due ('' if none), members that are due, members whose deadline has passed
local function next_of(key)
  return tonumber(redis.call('ZRANGEBYSCORE', key, '(' .. string.format('%d', now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2])
end
local next_due = next_of(KEYS[1])
local deadline = next_of(KEYS[2])
if deadline and (not next_due or deadline < next_due) then next_due = deadline end
return {now, next_due and string.format('%d', next_due) or '',
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, ARGV[1]),
  redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now, 'LIMIT', 0, ARGV[1])}
