-- Puts what was stored in the place of what is counted of one subject; the same steps as `restore` in restore.rs, after
-- clock.lua, state.lua and restored.lua.
--
-- KEYS: the subject; then what is to be settled.
-- ARGV: the epoch it is meant for, until when the subject is trusted in µs, when its reservations are due in µs, how many
--       fields go and how many turns reserve; the fields that go; the turns; then three for each field: name, value, end.
-- Answer: 1, or 0 where another has done it.

local state = states[1]
local epoch, trusted_until, due = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local gone = 5 + tonumber(ARGV[4])
local turns = gone + tonumber(ARGV[5])
-- A month and some, in ms: no reservation means anything after that.
local LONGEST_WINDOW = 32 * 24 * 60 * 60 * 1000

if is_restored(state, epoch) then
  return 0
end
for i = 6, gone do
  drop(state, ARGV[i])
end
for i = turns + 1, #ARGV, 3 do
  put(state, ARGV[i], tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]))
end
put(state, 'restored', epoch, trusted_until)
for i = gone + 1, turns do
  redis.call('ZADD', KEYS[2], 'NX', string.format('%d', due), ARGV[i] .. ' ' .. state.key)
end
if turns > gone then
  redis.call('PEXPIRE', KEYS[2], LONGEST_WINDOW)
end
save_all()
return 1
