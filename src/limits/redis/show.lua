-- Subjects as they are, with the time by the same clock, after clock.lua. Reads only.
-- KEYS: the subjects, each once; then the violations. ARGV: the names of those that are asked for.
-- Answer: now in µs, the fields of each subject, whose counters show.rs puts into words, the violations, and
-- the epoch of the data (0: none).

local subjects = {}
for i = 1, #KEYS - 1 do
  subjects[i] = redis.call('HGETALL', KEYS[i])
end
local violations = {}
if #ARGV > 0 then
  violations = redis.call('HMGET', KEYS[#KEYS], unpack(ARGV))
end
local is_here, epoch = pcall(redis.call, 'GET', EPOCH)
epoch = is_here and epoch and tonumber(string.match(epoch, '^%d+')) or 0
return { now, subjects, violations, epoch }
