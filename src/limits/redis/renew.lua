-- Extends leases that still exist; the same steps as `renew` in settle.rs, after clock.lua and state.lua.
--
-- KEYS: the subjects, each once.
-- ARGV: the leases' new length in µs, then two for each lease: which key, field.
-- Answer: 1 for each lease that was there, else 0.

local ends_at = now + tonumber(ARGV[1])
local answer = {}
for i = 2, #ARGV, 2 do
  local state, name = states[tonumber(ARGV[i])], ARGV[i + 1]
  if state.fields[name] then
    put(state, name, ends_at, ends_at)
    answer[#answer + 1] = 1
  else
    answer[#answer + 1] = 0
  end
end
save_all()
return answer
