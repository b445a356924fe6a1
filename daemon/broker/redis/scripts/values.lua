-- In a cluster: the values that jobs are parked by, in turn, each with its first jobs; see admit.lua.
-- KEYS: parked   ARGV: the value whose turn was last ('' if none), '1' if there was one, most values, most jobs of each, most jobs
-- Result for each: value and its jobs; from the one after the last, once around
local last, most, of_each, left = ARGV[2] == '1' and ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local out, at, around = {}, last, not last
while #out < most and left > 0 do
  local member = redis.call('ZRANGEBYLEX', KEYS[1], at and '[' .. at .. '\1' or '-', '+', 'LIMIT', 0, 1)[1]
  if not member then
    if around then break end
    at, around = nil, true
  else
    local value = string.match(member, '^([^%z]*)%z')
    if around and last and value > last then break end
    local jobs = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. value .. '\0', '(' .. value .. '\1', 'LIMIT', 0, math.min(of_each, left))
    left = left - #jobs
    table.insert(jobs, 1, value)
    out[#out + 1] = jobs
    at = value
  end
end
return out
