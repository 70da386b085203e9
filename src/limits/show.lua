-- A subject as it is, with the time by the same clock, after clock.lua. Reads only.
-- KEYS: the subject. Answer: now in µs, and its fields, whose counters show.rs puts into words.
return { now, redis.call('HGETALL', KEYS[1]) }
