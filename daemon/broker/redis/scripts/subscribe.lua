-- A worker announces subscriptions, or (definition '') no longer has them; those that nobody announced for too long are forgotten.
-- What is kept of one: until when it counts as announced, until when it is kept, its definition; with blanks between.
-- KEYS: subscriptions   ARGV: milliseconds for which they are announced, for which they are kept; then for each: name, definition
local alive, keep = now + tonumber(ARGV[1]), now + tonumber(ARGV[2])
local function parts(kept)
  return string.match(kept, '^(%d+) (%d+) (.*)$')
end
for n = 3, #ARGV, 2 do
  local name, definition = ARGV[n], ARGV[n + 1]
  local before = redis.call('HGET', KEYS[1], name)
  if definition ~= '' then
    redis.call('HSET', KEYS[1], name, string.format('%d %d ', alive, keep) .. definition)
  elseif before then
    local was_alive, was_kept, what = parts(before)
    if what then redis.call('HSET', KEYS[1], name, string.format('%d %d ', was_alive, math.min(was_kept, keep)) .. what) end
  end
end
local all = redis.call('HGETALL', KEYS[1])
for n = 1, #all, 2 do
  local _, kept = parts(all[n + 1])
  if kept and tonumber(kept) < now then redis.call('HDEL', KEYS[1], all[n]) end
end
return 1
