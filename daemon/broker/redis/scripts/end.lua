-- Ends jobs that wait, or forgets them: see waiting.lua.
-- KEYS: waiters, due, deadlines, index scheduled, index retrying, index of the status, expiry, placed; then for each job what waiting.lua says
-- ARGV: ttl, status, waiter channel, notice channel, queue, tail of the record; then for each job what waiting.lua says
-- Result for each: what waiting.lua says
local waiters, status_index, expiry, channel = KEYS[1], KEYS[6], KEYS[7], ARGV[3]
local to = {due = KEYS[2], deadlines = KEYS[3], scheduled = KEYS[4], retrying = KEYS[5], placed = KEYS[8], waiters = waiters,
  ttl = ARGV[1], status = ARGV[2], notices = ARGV[4], queue = ARGV[5], tail = ARGV[6]}
local out, ended = {}, {}
for n = 1, (#KEYS - 8) / 7 do
  out[n] = end_waiting(to, n * 7 + 2, n * 5 + 2)
  if out[n] == 1 then ended[#ended + 1] = ARGV[n * 5 + 2] end
end
if to.status ~= '' then
  index(status_index, ended)
  will_expire(expiry, ended)
end
wake(waiters, channel, to.notices, ended)
return out
