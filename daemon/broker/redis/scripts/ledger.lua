-- In a cluster: writes down what a turn has decided, if it is not over.
-- KEYS: turn; then those that are written to   ARGV: turn; then for each write: command, number of its key, number of words, words
-- Result: 1 done, 0 another has the turn
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
local at = 2
while ARGV[at] do
  local count = tonumber(ARGV[at + 2])
  redis.call(ARGV[at], KEYS[tonumber(ARGV[at + 1])], unpack(ARGV, at + 3, at + 2 + count))
  at = at + 3 + count
end
return 1
