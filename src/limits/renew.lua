-- Extends leases that still exist, and reservations to the end of their window; the same steps as `renew` in settle.rs, after
-- clock.lua and state.lua.
--
-- KEYS: the subjects, each once.
-- ARGV: the leases' new length in µs, then four for each: which key, kind (turns | quota), rule, the turn's name.
-- Answer: for each lease 1 if it was there, else 0.

local ends_at = now + tonumber(ARGV[1])

local function keep_reservation(state, rule, member)
  local name, window = reservation(state, rule, member)
  local spent = name and state.fields['spent:' .. rule .. ':' .. window]
  if spent and state.fields[name].expires ~= spent.expires then
    put(state, name, state.fields[name].value, spent.expires)
  end
end

local answer = {}
for i = 2, #ARGV, 4 do
  local state, kind, rule, member = states[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  if kind == 'quota' then
    keep_reservation(state, rule, member)
  else
    local name = 'lease:' .. rule .. ':' .. member
    local held = state.fields[name] ~= nil
    if held then
      put(state, name, ends_at, ends_at)
    end
    answer[#answer + 1] = held and 1 or 0
  end
end
save_all()
return answer
