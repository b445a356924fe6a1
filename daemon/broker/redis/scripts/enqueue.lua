-- Accepts jobs that cannot simply stand in a stream: due later, with a deadline, or unique.
-- KEYS: due, deadlines, index scheduled; then for each job: stream, job, unique (the job key again if it has none)
-- ARGV: for each job: ulid, task, lane, 'in', 'at' or '', milliseconds, expires after and deadline after ('' for never), header,
--   args
-- Result for each: '' if it was created, or the ulid of the live job that has its unique key
local due, deadlines, scheduled = KEYS[1], KEYS[2], KEYS[3]
local function accept(k, v)
  local stream, job, unique = unpack(KEYS, k, k + 2)
  local ulid, task, lane, kind, value, expires, deadline, header, args = unpack(ARGV, v, v + 8)
  if unique ~= job then
    local holder = redis.call('GET', unique)
    if holder then return holder end
    redis.call('SET', unique, ulid)
  end
  if header == '' then header = '0.0.0.0' end
  header = header .. '|c' .. string.format('%d', now)
  local member = ulid .. '/' .. lane .. '/' .. task
  if deadline ~= '' then
    header = header .. '|d' .. string.format('%d', now + tonumber(deadline))
    -- What has not even been started by its deadline has expired.
    if expires == '' or tonumber(deadline) < tonumber(expires) then expires = deadline end
  end
  if expires ~= '' then
    local last = string.format('%d', now + tonumber(expires))
    header = header .. '|e' .. last
    redis.call('ZADD', deadlines, last, member)
  end
  local when = now
  if kind == 'in' then when = now + tonumber(value) elseif kind == 'at' then when = tonumber(value) end
  if when > now then
    when = string.format('%d', when)
    redis.call('HSET', job, 'st', 's', 'k', task, 'h', header, 'a', args, 'd', when)
    redis.call('ZADD', due, when, member)
    redis.call('ZADD', scheduled, 0, ulid)
  else
    place(stream, task, lane, header, args, job)
  end
  return ''
end

local out = {}
for n = 1, (#KEYS - 3) / 3 do out[n] = accept(n * 3 + 1, n * 9 - 8) end
return out
