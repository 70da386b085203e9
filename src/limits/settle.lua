-- The end of a take, settled or released; the same steps as settle.rs, after clock.lua and state.lua.
--
-- KEYS: the subjects, each once.
-- ARGV: settle | release, the turn's name, then four for each check:
--       which key, rule, kind (messages | turns | quota), and a number:
--       for messages how many to give back on release, for quotas the amount to charge on settling.

-- Rule::MOST in rule.rs: 2^52, so that sums stay exact.
local MOST = 4503599627370496

local settling = ARGV[1] == 'settle'
local member = ARGV[2]

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

local function charge(state, rule, amount)
  local name, window = reservation(state, rule, member)
  if name then
    drop(state, name)
    local spent = 'spent:' .. rule .. ':' .. window
    local counter = state.fields[spent]
    if settling and counter then
      put(state, spent, math.min(counter.value + amount, MOST), counter.expires)
    end
  end
end

for i = 3, #ARGV, 4 do
  local state, rule, kind = states[tonumber(ARGV[i])], ARGV[i + 1], ARGV[i + 2]
  local number = tonumber(ARGV[i + 3])
  drop(state, 'lease:' .. rule .. ':' .. member)
  if kind == 'quota' then
    charge(state, rule, number)
  elseif kind == 'messages' and not settling then
    give_back(state, rule, number)
  end
end
save_all()
return 1
