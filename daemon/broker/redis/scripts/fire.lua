-- Submits the jobs of a schedule's times, if it still stands where it did when this was decided.
-- KEYS: schedule, placed, stream; then for each job: job
-- ARGV: definition, done until as it was, done until, last job, runs, task, lane, args, runs as they were, '1' if it is done by hand, in a pause
--   too; then for each job: header
-- Result: 1 done, 0 not
local definition, seen, done, last, runs, task, lane, args, before, by_hand = unpack(ARGV, 1, 10)
local state = redis.call('HMGET', KEYS[1], 'definition', 'done', 'paused', 'runs')
if state[1] ~= definition or state[2] ~= seen or (state[4] or '') ~= before then return 0 end
if state[3] == '1' and by_hand ~= '1' then return 0 end
for n = 1, #KEYS - 3 do
  local header = ARGV[10 + n]
  if header == '' then header = '0.0.0.0' end
  place(KEYS[2], KEYS[3], task, lane, header .. '|c' .. string.format('%d', now), args, KEYS[3 + n])
end
redis.call('HSET', KEYS[1], 'done', done, 'last', last, 'runs', runs)
return 1
