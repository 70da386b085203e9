-- The clock of every decision, so that replicas need not agree on the time: Redis' own, in microseconds since 1970.
-- It stands in a file of its own because the property test puts one in its place that it can turn; no script has a switch.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
