-- Removes a worker that has ended from the groups it read with. One that still holds leases stays: deleting it would
-- delete the leases, and with them the jobs.
-- KEYS: streams   ARGV: owner
for _, stream in ipairs(KEYS) do
  local rows = redis.pcall('XPENDING', stream, 'c', '-', '+', 1, ARGV[1])
  if not rows.err and #rows == 0 then redis.call('XGROUP', 'DELCONSUMER', stream, 'c', ARGV[1]) end
end
return #KEYS
