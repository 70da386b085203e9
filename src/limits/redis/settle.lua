-- The end of a take, settled or released; the same steps as settle.rs, after clock.lua and state.lua.
--
-- KEYS: the subjects, each once; then what is to be settled.
-- ARGV: settle | release, the turn's name, then four for each check:
--       which key, rule, kind (messages | turns | quota), and a number:
--       for messages how many to give back on release, for quotas the amount to charge on settling.

-- Rule::MOST in rule.rs: 2^52, so that sums stay exact.
local MOST = 4503599627370496

local settling = ARGV[1] == 'settle'
local member = ARGV[2]

-- The turn's reservation under a rule, whichever window it was made in: its field, and that window's part of the name.
local function reservation(state, rule)
  local prefix, suffix = 'reserved:' .. rule .. ':', ':' .. member
  for name in pairs(state.fields) do
    if begins(name, prefix) and ends(name, suffix) then
      return name, string.sub(name, #prefix + 1, -#suffix - 1)
    end
  end
end

local function give_back(state, rule, amount)
  local name = 'tat:' .. rule
  local counter = state.fields[name]
  if counter then
    local pace, tat = counter.value, counter.expires - counter.value * amount
    drop(state, name)
    if tat > now then
      put(state, name, pace, tat)
    end
  end
end

-- What is spent means something as long as the reservation did: to the end of the window.
local function charge(state, rule, amount)
  local name, window = reservation(state, rule)
  if name then
    local ends_at = state.fields[name].expires
    drop(state, name)
    if settling then
      local spent = 'spent:' .. rule .. ':' .. window
      put(state, spent, math.min((value(state, spent) or 0) + amount, MOST), ends_at)
    end
  end
end

-- As take.lua has noted it.
local entry, noted = member, {}

for i = 3, #ARGV, 4 do
  local state, rule, kind = states[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2]
  local number = tonumber(ARGV[i + 3])
  drop(state, 'lease:' .. rule .. ':' .. member)
  if kind == 'quota' then
    charge(state, rule, number)
    if not noted[state.key] then
      entry, noted[state.key] = entry .. ' ' .. state.key, true
    end
  elseif kind == 'messages' and not settling then
    give_back(state, rule, number)
  end
end
save_all()
redis.call('ZREM', KEYS[#KEYS], entry)
return 1
