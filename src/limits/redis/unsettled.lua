-- What is to be settled and is due, after clock.lua. Who is told of it has some time, until it is told to another.
-- KEYS: what is to be settled. ARGV: that time in µs, and how many at the most. Answer: the entries.

local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%d', now), 'LIMIT', 0, ARGV[2])
for _, entry in ipairs(due) do
  redis.call('ZADD', KEYS[1], string.format('%d', now + tonumber(ARGV[1])), entry)
end
return due
