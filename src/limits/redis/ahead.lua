-- What was written by a clock that was ahead and has been put right since; the same steps as ahead.rs, after state.lua.

local function rounding(longest, pace)
  return pace > 1 and math.floor(longest / pace) * 2 or 0
end

-- `check.interval` and `check.max` are still the rule's.
local function forget_ahead(check, lease_ttl)
  local state, rule, kind = check.state, check.rule, check.kind
  if kind == 'messages' then
    local tat = state.fields['tat:' .. rule]
    local longest = check.interval * math.max(check.max, 1)
    if tat and tat.expires - now > longest + rounding(longest, tat.value) then
      drop(state, 'tat:' .. rule)
    end
    return
  end
  local lease, spent, reserved = 'lease:' .. rule .. ':', 'spent:' .. rule .. ':', 'reserved:' .. rule .. ':'
  for name, counter in pairs(state.fields) do
    local window = begins(name, spent) and string.sub(name, #spent + 1)
      or begins(name, reserved) and string.sub(name, #reserved + 1)
    local start = window and tonumber(string.match(window, '^%d+'))
    if kind == 'turns' and begins(name, lease) and counter.expires > now + lease_ttl
      or kind ~= 'turns' and start and start * 1000000 > now then
      drop(state, name)
    end
  end
end
