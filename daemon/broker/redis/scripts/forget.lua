-- Forgets ended jobs whose records are still the ones that were read.
-- KEYS: index of their status; then for each job: record, job, logs, submit (the job key again if it has none)
-- ARGV: for each job: ulid, beginning of the record
-- Result for each: 1 forgotten, 0 not
local out = {}
for n = 1, #ARGV / 2 do
  local record, job, logs, submit = unpack(KEYS, n * 4 - 2, n * 4 + 1)
  local ulid, seen = ARGV[n * 2 - 1], ARGV[n * 2]
  out[n] = 0
  if redis.call('GETRANGE', record, 0, #seen - 1) == seen then
    if submit ~= job and redis.call('GET', submit) == ulid then redis.call('DEL', submit) end
    redis.call('DEL', record, job, logs)
    redis.call('ZREM', KEYS[1], ulid)
    out[n] = 1
  end
end
return out
