-- Ends jobs that wait nowhere, as failed(invalid): what was kept of them says that they stand in a stream, and there is neither
-- entry nor attempt. Takes out of placed what has left its stream without a word.
-- KEYS: placed, deadlines, index failed, expiry of failed, waiters; then for each job: stream, job, record, logs, unique,
--   submit (the job key again if it has none)
-- ARGV: ttl, waiter channel, notice channel, tail; then for each job: ulid, where it stands as it was seen, task, member of deadlines, header
-- Result for each: 1 ended, 2 taken out, 0 neither
local placed, deadlines, failed, expiry, waiters = unpack(KEYS, 1, 5)
local ttl, channel, notices, tail = unpack(ARGV, 1, 4)
local out, ended = {}, {}
for n = 1, (#KEYS - 5) / 6 do
  local stream, job, record, logs, unique, submit = unpack(KEYS, n * 6, n * 6 + 5)
  local ulid, seen, task, member, header = unpack(ARGV, n * 5, n * 5 + 4)
  local known = redis.call('HMGET', job, 'st', 'at')
  out[n] = 0
  if known[1] ~= 'q' or redis.call('EXISTS', record) == 1 then
    redis.call('ZREM', placed, ulid)
    out[n] = 2
  elseif known[2] == seen then
    local lane, entry = string.match(seen, '^(.)/(.+)$')
    if not redis.call('XRANGE', stream, entry, entry)[1] and not pending_row(stream, entry) then
      redis.call('SET', record, record_of('0', '', 'failed', 'invalid', task, lane, header, '', tail), 'PX', ttl)
      let_expire(job, logs, ttl)
      redis.call('ZREM', placed, ulid)
      redis.call('ZREM', deadlines, member)
      if unique ~= job then free_unique(unique, ulid) end
      if submit ~= job then let_submit_expire(submit, ulid, ttl) end
      ended[#ended + 1] = ulid
      out[n] = 1
    end
  end
end
index(failed, ended)
will_expire(expiry, ended)
wake(waiters, channel, notices, ended)
return out
