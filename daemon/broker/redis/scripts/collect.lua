-- Makes what a group has collected, or as much of it as one job is given, a delivery; if it is still as it was seen.
-- KEYS: group, collect due, latest, how, outbox, its texts
-- ARGV: group, id and text of the delivery ('' to forget the group), milliseconds for which whoever calls delivers it himself;
--   of a batch: its number, its milliseconds, its entries that are taken; of a debounced one: '', '', the event that was seen
-- Result: 1 done, 0 not
local key, due, latest, how, outbox, texts = unpack(KEYS)
local group, id, text, lease, most, within = unpack(ARGV, 1, 6)

local function forget()
  redis.call('DEL', key)
  redis.call('HDEL', how, group)
  redis.call('ZREM', due, group)
  redis.call('ZREM', latest, group)
end

if id == '' then
  forget()
  return 1
end
if most == '' then
  if redis.call('HGET', key, 'id') ~= ARGV[7] then return 0 end
  forget()
else
  local first = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  if not first or first[1] ~= ARGV[7] then return 0 end
  redis.call('XDEL', key, unpack(ARGV, 7))
  local rest = redis.call('XRANGE', key, '-', '+', 'COUNT', 1)[1]
  if not rest then
    forget()
  else
    local when = now
    if redis.call('XLEN', key) < tonumber(most) then when = string.match(rest[1], '^%d+') + tonumber(within) end
    redis.call('ZADD', due, string.format('%d', when), group)
  end
end
redis.call('ZADD', outbox, string.format('%d', now + tonumber(lease)), id)
redis.call('HSET', texts, id, text)
return 1
