-- In a cluster: takes jobs that were parked by a key, as a turn has decided, unless a later one has counted here; and sets groups past
-- those that are parked now.
-- KEYS: fence, heavy; then streams
-- ARGV: number of the turn, worker, how many groups to set; for each: number of its stream, entry; then for each job: number of its stream, entry, what it weighs
-- Result: as claim.lua, but in the fourth place a list of the numbers of the jobs that are not there any more; -1 for now if it was refused
local owner = ARGV[2]
if tonumber(redis.call('GET', KEYS[1]) or 0) > tonumber(ARGV[1]) then return {-1} end
local at, gone = 4, {}
for _ = 1, tonumber(ARGV[3]) do
  redis.call('XGROUP', 'SETID', KEYS[2 + tonumber(ARGV[at])], 'c', ARGV[at + 1])
  at = at + 2
end
local out, number = {now, {}, {}, {gone}}, 0
while ARGV[at] do
  local n, entry, units = tonumber(ARGV[at]), ARGV[at + 1], tonumber(ARGV[at + 2])
  local stream = KEYS[2 + n]
  at, number = at + 3, number + 1
  if not redis.call('XRANGE', stream, entry, entry)[1] or pending_row(stream, entry) then
    table.insert(gone, number)
  else
    if units > 1 then redis.call('HSET', KEYS[2], stream .. ' ' .. entry, units) end
    table.insert(out, n)
    table.insert(out, redis.call('XCLAIM', stream, 'c', owner, 0, entry, 'RETRYCOUNT', 1, 'FORCE'))
  end
end
return out
