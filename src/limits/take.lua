-- The decision, all or nothing; the same steps as decide.rs, after clock.lua and state.lua.
--
-- KEYS: the subjects, each once.
-- ARGV: the turn's name, the lease's length in µs, then six for each check:
--       which key, rule, kind (messages | turns | day | month), interval in µs (messages), maximum, amount.
-- Answer: the check that is refused (0: none), its wait in µs, then two for each check: level and reset in µs.

local TURN_WAIT = 1000000
local VIOLATION = 24 * 60 * 60 * 1000000
local DAY = 24 * 60 * 60

local member = ARGV[1]
local lease_ttl = tonumber(ARGV[2])

local checks = {}
for i = 3, #ARGV, 6 do
  checks[#checks + 1] = {
    state = states[tonumber(ARGV[i])],
    rule = ARGV[i + 1],
    kind = ARGV[i + 2],
    interval = tonumber(ARGV[i + 3]),
    max = tonumber(ARGV[i + 4]),
    amount = tonumber(ARGV[i + 5]),
  }
end

-- The day of the month (from 1) and that month's length, from days since 1970: Howard Hinnant's civil_from_days
-- (https://howardhinnant.github.io/date_algorithms.html). Years begin in March there, so that leap days come last.
local function month_of(days)
  local shifted = days + 719468
  local of_era = shifted % 146097
  local year = math.floor(
    (of_era - math.floor(of_era / 1460) + math.floor(of_era / 36524) - math.floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + math.floor(year / 4) - math.floor(year / 100))
  local month = math.floor((5 * of_year + 2) / 153)
  local day = of_year - math.floor((153 * month + 2) / 5) + 1
  local lengths = { [0] = 31, 30, 31, 30, 31, 31, 30, 31, 30, 31, 31, 28 }
  local length = lengths[month]
  -- February is the end of its shifted year; it is leap if the year that follows in the calendar is.
  local calendar = year + 1
  if month == 11 and calendar % 4 == 0 and (calendar % 100 ~= 0 or calendar % 400 == 0) then
    length = 29
  end
  return day, length
end

-- The calendar window of now, UTC: its first second and the first after it.
local function window(period)
  local today = math.floor(now / (DAY * 1000000))
  if period == 'day' then
    return today * DAY, (today + 1) * DAY
  end
  local day, length = month_of(today)
  local first = today - (day - 1)
  return first * DAY, (first + length) * DAY
end

-- Worked out where a check asks for it.
local spans = setmetatable({}, {
  __index = function(known, period)
    local first, after = window(period)
    known[period] = { name = string.format('%d', first), ends = after * 1000000 }
    return known[period]
  end,
})

-- How much of a rule is in use, and in how many µs all of it is free. No field here has expired; so an arrival time is
-- yet to come.
local function reading(check)
  local state, rule = check.state, check.rule
  if check.kind == 'messages' then
    local tat = value(state, 'tat:' .. rule)
    local backlog = tat and tat - now or 0
    return backlog, backlog
  end
  local level, prefix = 0, nil
  if check.kind == 'turns' then
    prefix = 'lease:' .. rule .. ':'
    for name in pairs(state.fields) do
      if begins(name, prefix) then level = level + 1 end
    end
    return level, 0
  end
  local span = spans[check.kind]
  level = value(state, 'spent:' .. rule .. ':' .. span.name) or 0
  prefix = 'reserved:' .. rule .. ':' .. span.name .. ':'
  for name, counter in pairs(state.fields) do
    if begins(name, prefix) then level = level + counter.value end
  end
  return level, span.ends - now
end

-- How long a check has to wait; 0 if it may pass.
local function wait(check)
  local level, reset = reading(check)
  if check.kind == 'messages' then
    return math.max(level + check.interval * check.amount - check.interval * check.max, 0)
  elseif level + check.amount <= check.max then
    return 0
  elseif check.kind == 'turns' then
    return TURN_WAIT
  end
  return reset
end

local function apply(check)
  local state, rule = check.state, check.rule
  if check.kind == 'messages' then
    local name = 'tat:' .. rule
    local tat = (value(state, name) or now) + check.interval * check.amount
    put(state, name, tat, tat)
  elseif check.kind == 'turns' then
    put(state, 'lease:' .. rule .. ':' .. member, now + lease_ttl, now + lease_ttl)
  else
    local span = spans[check.kind]
    put(state, 'reserved:' .. rule .. ':' .. span.name .. ':' .. member, check.amount, span.ends)
  end
end

local function record_violation(check, waiting)
  local prefix = 'violation:' .. check.rule .. ':'
  local count = (value(check.state, prefix .. 'count') or 0) + 1
  put(check.state, prefix .. 'count', count, now + VIOLATION)
  put(check.state, prefix .. 'last', now, now + VIOLATION)
  put(check.state, prefix .. 'until', now + waiting, now + VIOLATION)
end

local refused, longest = 0, 0
for i, check in ipairs(checks) do
  local waiting = wait(check)
  if waiting > longest then
    refused, longest = i, waiting
  end
end

if refused > 0 then
  record_violation(checks[refused], longest)
else
  for _, check in ipairs(checks) do
    apply(check)
  end
end
save_all()

local answer = { refused, longest }
for _, check in ipairs(checks) do
  local level, reset = reading(check)
  answer[#answer + 1] = level
  answer[#answer + 1] = reset
end
return answer
