-- Accepts an event: what is to be delivered into the outbox, and itself among what subscriptions collect.
-- KEYS: trigger (the outbox again if it has no key), outbox, its texts, collect due, latest, how; then for each that collects: group
-- ARGV: id, answer, milliseconds for which a repeated trigger is known ('' if it has no key), text ('' if nothing is delivered),
--   milliseconds for which whoever calls delivers it himself, the event; then for each: group, how, 'b' and the number and the
--   milliseconds of a batch, or 'd' and the milliseconds of quiet and the most ('' for none)
-- Result: '' if it was accepted, the answer of an earlier one with the same key
local key, outbox, texts, due, latest, how = unpack(KEYS, 1, 6)
local id, answer, lasts, text, lease, event = unpack(ARGV, 1, 6)
local function at(ms) return string.format('%d', now + tonumber(ms)) end

if lasts ~= '' then
  local before = redis.call('GET', key)
  if before then return before end
  redis.call('SET', key, answer, 'PX', lasts)
end
if text ~= '' then
  redis.call('ZADD', outbox, at(lease), id)
  redis.call('HSET', texts, id, text)
end
for n = 7, #KEYS do
  local v = 7 + (n - 7) * 5
  local group, kept, kind, first, second = unpack(ARGV, v, v + 4)
  redis.call('HSET', how, group, kept)
  if kind == 'b' then
    redis.call('XADD', KEYS[n], '*', 'e', event)
    if redis.call('XLEN', KEYS[n]) >= tonumber(first) then
      redis.call('ZADD', due, at(0), group)
    else
      redis.call('ZADD', due, 'NX', at(second), group)
    end
  else
    redis.call('HSET', KEYS[n], 'id', id, 'e', event)
    redis.call('ZADD', due, at(first), group)
    if second ~= '' then redis.call('ZADD', latest, 'NX', at(second), group) end
  end
end
return ''
