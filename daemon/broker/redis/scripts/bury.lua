-- Ends jobs of which too little is left to run them, as failed(invalid): a member of due without a job.
-- KEYS: due, deadlines, index scheduled, index retrying, index failed, expiry of failed, waiters; then for each job: job, record, logs
-- ARGV: ttl, waiter channel, notice channel; then for each job: ulid, member of due and deadlines, task, lane, tail
-- Result for each: 1 done, 0 it was not so
local due, deadlines, scheduled, retrying, failed, expiry, waiters = unpack(KEYS, 1, 7)
local out, ended = {}, {}
for n = 1, (#KEYS - 7) / 3 do
  local job, record, logs = unpack(KEYS, n * 3 + 5, n * 3 + 7)
  local ulid, member, task, lane, tail = unpack(ARGV, n * 5 - 1, n * 5 + 3)
  out[n] = 0
  if redis.call('ZSCORE', due, member) and not redis.call('HGET', job, 'h') then
    redis.call('ZREM', due, member)
    redis.call('ZREM', deadlines, member)
    redis.call('ZREM', scheduled, ulid)
    redis.call('ZREM', retrying, ulid)
    -- If it has ended or stands elsewhere, that is what is known of it, and the member was a leftover.
    if redis.call('EXISTS', record) == 0 and redis.call('HGET', job, 'st') ~= 'q' then
      redis.call('SET', record, record_of('0', '', 'failed', 'invalid', task, lane, '0.0.0.0|g', '', tail), 'PX', ARGV[1])
      let_expire(job, logs, ARGV[1])
      ended[#ended + 1] = ulid
    end
    out[n] = 1
  end
end
index(failed, ended)
will_expire(expiry, ended)
wake(waiters, ARGV[2], ARGV[3], ended)
return out
