-- What there is to do about events: deliveries that whoever triggered one has left undone, and groups whose time has come.
-- KEYS: outbox, its texts, collect due, latest   ARGV: most deliveries, milliseconds for which we do them, most groups
-- Result: now, when there is something next ('' if not known), id and text of each delivery, groups
local outbox, texts, due, latest = unpack(KEYS)
local instant = string.format('%d', now)
local deliveries, groups, seen = {}, {}, {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', outbox, '-inf', instant, 'LIMIT', 0, ARGV[1])) do
  local text = redis.call('HGET', texts, id)
  if text then
    redis.call('ZADD', outbox, string.format('%d', now + tonumber(ARGV[2])), id)
    deliveries[#deliveries + 1] = id
    deliveries[#deliveries + 1] = text
  else
    redis.call('ZREM', outbox, id)
  end
end
for _, key in ipairs({due, latest}) do
  for _, group in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', instant, 'LIMIT', 0, ARGV[3])) do
    if not seen[group] then groups[#groups + 1] = group end
    seen[group] = true
  end
end
local first
for _, key in ipairs({outbox, due, latest}) do
  local score = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
  if score and (not first or score < first) then first = score end
end
return {now, first and string.format('%d', first) or '', deliveries, groups}
