-- Runs every command that mcpchat runs, within scripts and outside, on one key that is gone afterwards. A user who may not
-- run one of them is refused here, and not by a limit that then counts somewhere else.
-- KEYS: a key of the probe's own.

local key = KEYS[1]
redis.call('TIME')
redis.call('SCAN', 0, 'MATCH', key, 'COUNT', 1)
redis.call('UNLINK', key)

redis.call('HSET', key, 'field', 1)
redis.call('HGET', key, 'field')
redis.call('HMGET', key, 'field')
redis.call('HKEYS', key)
redis.call('HVALS', key)
redis.call('HGETALL', key)
redis.call('PEXPIRE', key, 1000)
redis.call('PEXPIREAT', key, 1)
redis.call('HDEL', key, 'field')

redis.call('ZADD', key, 1, 'member')
redis.call('ZADD', key, 2, 'other')
redis.call('ZRANGEBYSCORE', key, '-inf', 0)
redis.call('ZCARD', key)
redis.call('ZPOPMIN', key, 1)
redis.call('ZREM', key, 'other')

redis.call('XADD', key, '0-1', 'field', 1)
redis.call('XRANGE', key, '-', '+')
redis.call('XTRIM', key, 'MINID', '0-2')
redis.call('UNLINK', key)
return 1
