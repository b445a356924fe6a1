-- A worker is alive.
-- KEYS: workers, worker, tasks   ARGV: id, ttl, description; then name and description of each of its tasks
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
for n = 4, #ARGV, 2 do redis.call('HSET', KEYS[3], ARGV[n], ARGV[n + 1]) end
return now
