-- For claim.lua: which jobs the limits of tasks and queues admit. What is limited is told as JSON (claimer_limits.cpp writes it):
--   starving: key that says that somebody waits for a place; checks: {key, number of members it is known to have, queue or 0};
--   queues: {number of queue, most at once, keys of all its streams};
--   heavy: {key, queue, its number in the call or 0}: where the attempts stand that weigh more than one;
--   free: units of resources that the jobs of this claim may take together;
--   tasks: {key (a JSON pointer, or ''), drain, most, weight (if more than one), needs (of resources, if any), parked, old, where, run, rates, streams, limits, since, wrapped}, with
--     streams: {key, its number in the call or 0, queue, lane} and
--     limits: {most} or {interval, tolerance, units, account}, each with own (of this worker alone) and keyed
--   since, wrapped: where a circle over the values began that has brought nothing yet, and whether it has passed the last one
-- Jobs of a task that is limited by a key do not wait for XREADGROUP: they are sorted, in `parked`, by value, rank and entry;
-- the group is set past them. `where` says of each of them which value it has, `run` the same of those taken, and in '=' and
-- '@' by which pointer they are sorted and whose turn was last. `rates` are the accounts of job/limit.h, in microseconds.
local SORT_AT_ONCE, MOST_VALUES, MOST_OTHERS, CHECK_EVERY = 2000, 500, 20, 5000
local now_us = time[1] * 1000000 + time[2]

local function admission(limits, owner)
  local A = {again = -1, starving = false, stale = {}, circles = {}}
  local pending_of, pending_mine = {}, {}
  for _, check in ipairs(limits.checks) do
    if redis.call('ZCARD', KEYS[check[1]]) ~= check[2] then A.stale[#A.stale + 1] = check[3] end
  end

  -- By stream the units beyond one each; by stream and entry the units; by queue where they stand, and which tasks may weigh more.
  local extra, extra_mine, units, heavy_of, heavy_queue, weighing = {}, {}, {}, {}, {}, {}
  for _, at in ipairs(limits.heavy) do
    heavy_of[at[2]], heavy_queue[at[3]] = at[1], at[2]
    weighing[at[2]] = each_heavy(KEYS[at[1]], function(stream, entry, count, holder)
      units[stream .. ' ' .. entry] = count
      extra[stream] = (extra[stream] or 0) + count - 1
      if holder == owner then extra_mine[stream] = (extra_mine[stream] or 0) + count - 1 end
    end)
  end

  -- Units of the attempts of a stream that run, all and of this worker.
  local function pending(k)
    if not pending_of[k] then
      local all, mine = pending_counts(KEYS[k], owner)
      pending_of[k], pending_mine[k] = all + (extra[KEYS[k]] or 0), mine + (extra_mine[KEYS[k]] or 0)
    end
    return pending_of[k], pending_mine[k]
  end

  local function wait_until(when)
    local left = math.max(when - now_us, 0)
    if A.again < 0 or left < A.again then A.again = left end
  end

  local function starve() A.starving = true end

  local function account_of(task, limit, value)
    local name = limit.account
    if limit.own then name = name .. '@' .. owner end
    if limit.keyed then name = name .. ' ' .. task.key .. '=' .. value end
    return name
  end

  local function account(task, name) return tonumber(redis.call('ZSCORE', KEYS[task.rates], name) or 0) end

  -- How many starts of a weight an account admits, up to so many; when one more is; and the account after them. As job::admit.
  local function admit(task, limit, name, wanted, weight)
    local at, next_most = account(task, name), now_us + limit.tolerance + limit.interval
    -- Only a heavy start leaves it further ahead, or a clock that was set back.
    if at > next_most and account(task, name .. ' heavy') ~= at then at = next_most end
    local from, count, step = math.max(at, now_us), 0, limit.interval * math.min(weight, limit.units)
    if from - now_us <= limit.tolerance then
      count = math.min(wanted, math.floor((now_us + limit.tolerance - from) / step) + 1)
    end
    local after = from + count * step
    return count, after - limit.tolerance, after
  end

  local function stream_at(task, place)
    local queue, lane, entry = string.match(place, '^(.*)/(.)/([^/]+)$')
    for _, stream in ipairs(task.streams) do
      if stream[3] == queue and stream[4] == lane then return stream, entry, queue, lane end
    end
    return nil, entry
  end

  -- Whoever settles takes a job out of `run` at once, unless it dies between the two.
  local function still_runs(task, place)
    local stream, entry = stream_at(task, place)
    return stream and pending_row(KEYS[stream[1]], entry)
  end

  -- Units of attempts at a task that run, all and of this worker, and by value: of all 'v', of this worker 'o'.
  local function counts(task)
    if task.count then return task.count end
    local count = {all = 0, own = 0, v = {}, o = {}}
    for _, stream in ipairs(task.streams) do
      local all, own = pending(stream[1])
      count.all, count.own = count.all + all, count.own + own
    end
    if task.key ~= '' then
      local run = redis.call('HGETALL', KEYS[task.run])
      local look = now - tonumber(redis.call('HGET', KEYS[task.run], '!') or 0) >= CHECK_EVERY
      if look then redis.call('HSET', KEYS[task.run], '!', string.format('%d', now)) end
      for n = 1, #run, 2 do
        local holder, value = string.match(run[n + 1], '^([^%z]*)%z(.*)$')
        if holder and look and not still_runs(task, run[n]) then
          redis.call('HDEL', KEYS[task.run], run[n])
        elseif holder then
          local stream, entry = stream_at(task, run[n])
          local its = stream and units[KEYS[stream[1]] .. ' ' .. entry] or 1
          count.v[value] = (count.v[value] or 0) + its
          if holder == owner then count.o[value] = (count.o[value] or 0) + its end
        end
      end
    end
    task.count = count
    return count
  end

  local function running(task, limit, value)
    local count = counts(task)
    if limit.keyed then return (limit.own and count.o or count.v)[value] or 0 end
    return limit.own and count.own or count.all
  end

  -- How many jobs of a weight the limits with a key (or without) admit.
  local function room(task, keyed, value, wanted, weight)
    for _, limit in ipairs(task.limits) do
      if wanted > 0 and limit.keyed == keyed then
        if limit.interval then
          local count, next_at = admit(task, limit, account_of(task, limit, value), wanted, weight)
          wanted = count
          if count == 0 then wait_until(next_at) end
        else
          local free = limit.most - running(task, limit, value)
          wanted = math.max(math.min(wanted, math.floor(free / math.min(weight, limit.most))), 0)
          if wanted == 0 then starve() end
        end
      end
    end
    return wanted
  end

  local function charge(task, keyed, value, count, weight)
    for _, limit in ipairs(task.limits) do
      if limit.interval and limit.keyed == keyed then
        local name = account_of(task, limit, value)
        local _, _, after = admit(task, limit, name, count, weight)
        redis.call('ZADD', KEYS[task.rates], string.format('%d', after), name)
        if weight > 1 then redis.call('ZADD', KEYS[task.rates], string.format('%d', after), name .. ' heavy') end
      end
    end
  end

  local function places(q, wanted, weight)
    for _, queue in ipairs(limits.queues) do
      if queue[1] == q then
        local sum = 0
        for _, k in ipairs(queue[3]) do sum = sum + pending(k) end
        wanted = math.max(math.min(wanted, math.floor((queue[2] - sum) / math.min(weight, queue[2]))), 0)
        if wanted == 0 then starve() end
      end
    end
    return wanted
  end

  -- How many jobs of a task the worker has room and resources for.
  local function fitting(task, wanted)
    if task.most then wanted = math.min(wanted, math.max(task.most - (task.taken or 0), 0)) end
    for name, units in pairs(task.needs or {}) do wanted = math.min(wanted, math.floor((limits.free[name] or 0) / units)) end
    return wanted
  end

  -- Those of a stream that were read, or taken from the parked ones.
  local function took(task, k, value, count, weight)
    local counted, more = task and counts(task), count * weight
    pending(k)
    pending_of[k], pending_mine[k] = pending_of[k] + more, pending_mine[k] + more
    if not task then return end
    counted.all, counted.own = counted.all + more, counted.own + more
    task.taken = (task.taken or 0) + count
    for name, units in pairs(task.needs or {}) do limits.free[name] = limits.free[name] - units * count end
    charge(task, false, '', count, weight)
    if value then
      counted.v[value], counted.o[value] = (counted.v[value] or 0) + more, (counted.o[value] or 0) + more
      charge(task, true, value, count, weight)
    end
  end

  -- Writes down what an attempt weighs that begins now.
  local function mark(queue, stream, entry, weight)
    if weight > 1 then redis.call('HSET', KEYS[heavy_of[queue]], stream .. ' ' .. entry, weight) end
  end

  local function next_entry(k)
    local last = delivered_up_to(KEYS[k])
    return last and redis.call('XRANGE', KEYS[k], '(' .. last, '+', 'COUNT', 1)[1]
  end
  function A.more_waits(k) return next_entry(k) and true or false end

  local function weight_in(task, entry)
    return weight_of(#entry[2] == 4 and entry[2][2] or '', task and task.weight or 1)
  end
  -- What the next job of a stream weighs; nothing if its jobs need not be looked at one by one.
  function A.weight(task, name, q, k)
    local of_queue = heavy_queue[q] and weighing[heavy_queue[q]]
    if not (task and task.weight) and not (of_queue and of_queue[name]) then return nil end
    local entry = next_entry(k)
    return entry and weight_in(task, entry) or 1
  end
  function A.mark(q, k, entry, weight)
    if heavy_queue[q] then mark(heavy_queue[q], KEYS[k], entry, weight) end
  end

  local function park(task, value, queue, lane, entry)
    local place = queue .. '/' .. lane .. '/' .. entry
    redis.call('ZADD', KEYS[task.parked], 0, parked_as(value, place, lane, entry))
    redis.call('HSET', KEYS[task.where], place, value)
  end

  local function unpark(task, member, place)
    redis.call('ZREM', KEYS[task.parked], member)
    redis.call('HDEL', KEYS[task.where], place)
  end

  local function args_of(stream, entry)
    local found = redis.call('XRANGE', KEYS[stream[1]], entry, entry)[1]
    if not found then return nil end
    return #found[2] == 4 and found[2][4] or ''
  end

  -- Sorts what came since the last look; false if that is more than can be done at once.
  local function sort(task)
    local left = SORT_AT_ONCE
    if not task.drain and (redis.call('HGET', KEYS[task.run], '=') or task.key) ~= task.key and redis.call('EXISTS', KEYS[task.old]) == 0 then
      redis.call('ZRANGESTORE', KEYS[task.old], KEYS[task.parked], 0, -1)
      redis.call('DEL', KEYS[task.parked])
      -- What runs counts by the new key too. These are few.
      local run = redis.call('HGETALL', KEYS[task.run])
      for n = 1, #run, 2 do
        local stream, entry = stream_at(task, run[n])
        local holder = string.match(run[n + 1], '^([^%z]*)%z')
        if stream and holder then
          redis.call('HSET', KEYS[task.run], run[n], holder .. '\0' .. value_of(task, args_of(stream, entry) or ''))
        end
      end
      task.count = nil
    end
    if not task.drain then redis.call('HSET', KEYS[task.run], '=', task.key) end
    local old = redis.call('ZRANGE', KEYS[task.old], 0, left - 1)
    for _, member in ipairs(old) do
      local place = string.match(member, '%z[^/]*/(.*)$')
      local stream, entry, queue, lane = stream_at(task, place)
      local args = stream and args_of(stream, entry)
      redis.call('ZREM', KEYS[task.old], member)
      if args then park(task, value_of(task, args), queue, lane, entry) else redis.call('HDEL', KEYS[task.where], place) end
    end
    left = left - #old
    if task.drain then return left > 0 end
    for _, stream in ipairs(task.streams) do
      local last = left > 0 and delivered_up_to(KEYS[stream[1]])
      local entries = last and redis.call('XRANGE', KEYS[stream[1]], '(' .. last, '+', 'COUNT', left) or {}
      for _, entry in ipairs(entries) do
        park(task, value_of(task, #entry[2] == 4 and entry[2][4] or ''), stream[3], stream[4], entry[1])
      end
      if #entries > 0 then redis.call('XGROUP', 'SETID', KEYS[stream[1]], 'c', entries[#entries][1]) end
      left = left - #entries
    end
    return left > 0
  end

  -- Takes the first job of a value that this call may take; its stream's number and the entry.
  local function take_of(task, value, open)
    local from = '[' .. value .. '\0'
    for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[task.parked], from, '(' .. value .. '\1', 'LIMIT', 0, MOST_OTHERS)) do
      local place = string.match(member, '%z[^/]*/(.*)$')
      local stream, entry = stream_at(task, place)
      local found = stream and redis.call('XRANGE', KEYS[stream[1]], entry, entry)[1]
      local weight = found and weight_in(task, found)
      if not found or pending_row(KEYS[stream[1]], entry) then
        unpark(task, member, place)
      elseif weight > 1 and (room(task, true, value, 1, weight) == 0 or room(task, false, '', 1, weight) == 0) then
        return nil
      elseif stream[2] > 0 and open(stream[2], weight) then
        local entries = redis.call('XCLAIM', KEYS[stream[1]], 'c', owner, 0, entry, 'RETRYCOUNT', 1, 'FORCE')
        unpark(task, member, place)
        redis.call('HSET', KEYS[task.run], place, owner .. '\0' .. value)
        took(task, stream[1], value, 1, weight)
        mark(stream[3], KEYS[stream[1]], entry, weight)
        return stream[2], entries
      end
    end
    return nil
  end

  local function value_after(task, value)
    local from = value and '[' .. value .. '\1' or '-'
    local member = redis.call('ZRANGEBYLEX', KEYS[task.parked], from, '+', 'LIMIT', 0, 1)[1]
    return member and string.match(member, '^([^%z]*)%z')
  end

  -- Takes jobs of a task limited by a key, the values in turn. `give` gets a stream's number and its entries, and says how
  -- many more are wanted; `open` says whether a stream may be read, and its queue has a place.
  function A.take_by_value(number, task, wanted, give, open)
    if not sort(task) then
      A.again = 0
      return
    end
    local at = redis.call('HGET', KEYS[task.run], '@') or nil
    local turn, since, wrapped, looked, taken = at, task.since, task.wrapped, 0, 0
    while wanted > 0 and looked < MOST_VALUES do
      local value = value_after(task, turn)
      if not value and turn then
        -- The value it began with may be gone.
        if since and wrapped then break end
        wrapped = true
        value = value_after(task, nil)
      end
      if not value or value == since then break end
      turn, looked = value, looked + 1
      if room(task, false, '', 1, 1) == 0 then break end
      local stream, entries
      if room(task, true, value, 1, 1) > 0 then stream, entries = take_of(task, value, open) end
      if stream then
        wanted, taken, since = give(stream, entries), taken + 1, nil
      elseif not since then
        since, wrapped = value, false
      end
    end
    if looked == MOST_VALUES and taken == 0 then
      A.again = 0
      table.insert(A.circles, {number, since, wrapped and 1 or 0})
    end
    if turn and (taken > 0 or looked == MOST_VALUES) then redis.call('HSET', KEYS[task.run], '@', turn) end
  end

  -- How many of a stream may be read, of a weight.
  function A.room(task, q, k, wanted, weight)
    if wanted == 0 then return 0 end
    local again, starving = A.again, A.starving
    local most = places(q, wanted, weight)
    if task then
      most = fitting(task, most)
      if most > 0 then most = room(task, false, '', most, weight) end
    end
    -- Nobody waits for what nothing wants.
    if most == 0 and not A.more_waits(k) then A.again, A.starving = again, starving end
    return most
  end
  function A.limits_queue(q)
    for _, queue in ipairs(limits.queues) do if queue[1] == q then return true end end
    return false
  end
  function A.close()
    if A.starving then redis.call('SET', KEYS[limits.starving], '1', 'PX', 3600000) end
  end
  A.took = took
  A.places = places
  A.fitting = fitting

  for _, task in ipairs(limits.tasks) do
    if #task.limits > 0 then redis.call('ZREMRANGEBYSCORE', KEYS[task.rates], '-inf', '(' .. string.format('%d', now_us)) end
  end
  return A
end
