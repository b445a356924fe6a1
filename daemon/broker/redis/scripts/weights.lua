-- In a cluster: what parked jobs of a queue weigh.
-- KEYS: streams   ARGV: what a job weighs that has no weight of its own; then for each job: number of its stream, entry
-- Result for each: what it weighs; 1 if it is gone
local out = {}
for n = 2, #ARGV, 2 do
  local entry = redis.call('XRANGE', KEYS[tonumber(ARGV[n])], ARGV[n + 1], ARGV[n + 1])[1]
  out[#out + 1] = entry and weight_of(#entry[2] == 4 and entry[2][2] or '', tonumber(ARGV[1])) or 1
end
return out
