-- In a cluster: takes the turn to admit jobs that limits hold, for a while. Each has a number, higher than any before it.
-- KEYS: turn, number of turns   ARGV: worker, milliseconds, a number it must be above, the turn we have ('' if none) and want a higher number for
-- Result: the turn ('' if another has it), its number
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[4] then return {'', 0} end
local number = math.max(tonumber(redis.call('GET', KEYS[2]) or 0), tonumber(ARGV[3])) + 1
redis.call('SET', KEYS[2], string.format('%d', number))
local turn = string.format('%d ', number) .. ARGV[1]
redis.call('SET', KEYS[1], turn, 'PX', ARGV[2])
return {turn, number}
