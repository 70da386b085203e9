-- The epoch of the data, after clock.lua: begins a new one where this server is another than the one that knew it (it was
-- restarted, or a replica has taken over: either may lack the latest), or where it is asked to. A user without the right to
-- INFO gets a new epoch on each connection.
-- KEYS: the epoch. ARGV: 1 for a new one in any case. Answer: the epoch.

local epoch, known = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (%x+)$')
local info = redis.pcall('INFO', 'server')
local server = type(info) == 'string' and string.match(info, 'run_id:(%x+)')
if ARGV[1] == '1' or not epoch or not server or server ~= known then
  local next_epoch = math.max(now, (tonumber(epoch) or 0) + 1)
  redis.call('SET', KEYS[1], string.format('%d %s', next_epoch, server or '-'), 'EX', 32 * 24 * 60 * 60)
  return next_epoch
end
return tonumber(epoch)
