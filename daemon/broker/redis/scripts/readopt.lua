-- Puts jobs back into their queue whose entries were delivered and are pending with nobody: their consumer was deleted, or the
-- group was set past them. The attempt that may have begun is counted, so that it stays fenced off, and charged as an interruption.
-- KEYS: lanes, placed; then for each job: stream, front stream, job
-- ARGV: notice channel, queue; then for each job: entry, ulid, task, lane, tail
-- Result for each: 1 done, 0 it was not so
local lanes, placed, out = KEYS[1], KEYS[2], {}

local function delivered(stream, entry)
  local last = last_delivered(stream)
  if not last then return false end
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  local last_ms, last_seq = string.match(last, '^(%d+)-(%d+)$')
  ms, seq, last_ms, last_seq = tonumber(ms), tonumber(seq), tonumber(last_ms), tonumber(last_seq)
  return ms < last_ms or (ms == last_ms and seq <= last_seq)
end

for n = 1, (#KEYS - 2) / 3 do
  local stream, front, job = unpack(KEYS, n * 3, n * 3 + 2)
  local entry, ulid, task, lane, tail = unpack(ARGV, n * 5 - 2, n * 5 + 2)
  out[n] = 0
  if redis.call('XRANGE', stream, entry, entry)[1] and not pending_row(stream, entry) and delivered(stream, entry) then
    local header, args = read_entry(stream, entry)
    local a, f, c, i, rest = counters(header)
    a = a + 1
    redis.call('XDEL', stream, entry)
    open_lane(lanes, task, 'f', ARGV[1], ARGV[2])
    place(placed, front, task, 'f', header_of(a, f, c, i + 1, moved(rest, ulid, entry, lane)), args, job)
    redis.call('HSET', job, 'n:' .. string.format('%d', a), tail)
    out[n] = 1
  end
end
return out
