-- Runs every command that mcpchat runs, within scripts and outside, on one key that is gone afterwards. A user who may not
-- run one of them is refused here, and not by a limit that then counts somewhere else.
-- KEYS: a key of the probe's own.

local key = KEYS[1]

-- The first command that is refused, and why: Redis tells the place in the script, and not the command.
local refused
local function run(command, ...)
  local answer = not refused and redis.pcall(command, ...)
  if type(answer) == 'table' and answer.err then
    local code, why = string.match(answer.err, '^(%S+) (.*)$')
    refused = (code or 'ERR') .. ' ' .. command .. ': ' .. (why or answer.err)
  end
end

run('TIME')
run('SCAN', 0, 'MATCH', key, 'COUNT', 1)
run('SET', key, 1)
run('GET', key)
run('UNLINK', key)

run('HSET', key, 'field', 1)
run('HGET', key, 'field')
run('HMGET', key, 'field')
run('HEXISTS', key, 'field')
run('HLEN', key)
run('HKEYS', key)
run('HVALS', key)
run('HGETALL', key)
run('PEXPIRE', key, 1000)
run('PEXPIREAT', key, 1)
run('HDEL', key, 'field')

run('ZADD', key, 1, 'member')
run('ZADD', key, 2, 'other')
run('ZRANGEBYSCORE', key, '-inf', 0)
run('ZCARD', key)
run('ZPOPMIN', key, 1)
run('ZREM', key, 'other')

run('XADD', key, '0-1', 'field', 1)
run('XRANGE', key, '-', '+')
run('XTRIM', key, 'MINID', '0-2')
run('UNLINK', key)

if refused then
  return redis.error_reply(refused)
end
return 1
