-- The decision, all or nothing; the same steps as decide.rs, after clock.lua, state.lua, ahead.lua, restored.lua and
-- violation.lua.
--
-- KEYS: the subjects, each once; then what is to be settled. The violations, VIOLATIONS and their order, are not among
--       them: a cluster that moves keys one by one refuses a script while one of its keys is not there, and these often
--       are not. They have the subjects' hash tag, and are remembered where they can be.
-- ARGV: the turn's name, the lease's length in µs, the answer's longest length in tokens, how many checks, the epoch (0:
--       not known); then eight for each check: which key, rule, kind (messages | turns | day | month), interval in µs (messages), maximum, what it
--       needs at the least, what of that the input takes, and what each token of the answer takes;
--       then four for each exception: which check, interval, maximum, its end in µs (0: none).
-- Answer: -1 where a subject has to be restored first, -2 where there is no epoch; else the check that is refused (0: none),
--         its wait in µs (-1: it never fits), the tokens that are reserved for the answer (of a refusal 1 if it could not be
--         remembered, else 0), then four for each check: how much is used, how much
--         reserved, the µs until all is free, and 1 if an exception holds.

local TURN_WAIT = 1000000
-- Longer than any wait; a violation that was recorded with it has 0 for its end (Violation::NEVER_US).
local NEVER = math.huge
local DAY = 24 * 60 * 60
-- A month and some, in ms: no reservation means anything after that.
local LONGEST_WINDOW = 32 * DAY * 1000

local member = ARGV[1]
local lease_ttl = tonumber(ARGV[2])
local most_tokens = tonumber(ARGV[3])
local last = 5 + 8 * tonumber(ARGV[4])

local checks = {}
for i = 6, last, 8 do
  local max = tonumber(ARGV[i + 4])
  checks[#checks + 1] = {
    state = states[tonumber(ARGV[i])],
    rule = ARGV[i + 1],
    kind = ARGV[i + 2],
    interval = tonumber(ARGV[i + 3]),
    max = max,
    rule_max = max,
    needed = tonumber(ARGV[i + 5]),
    amount = tonumber(ARGV[i + 6]),
    per_token = tonumber(ARGV[i + 7]),
  }
end

for _, check in ipairs(checks) do
  forget_ahead(check, lease_ttl)
end
-- What is not for a turn is counted by short windows only.
local absent = member ~= '-' and missing(checks, tonumber(ARGV[5]))
if absent then
  return { absent }
end

-- `max` and `interval` are what holds now.
for i = last + 1, #ARGV, 4 do
  local check, ends_at = checks[tonumber(ARGV[i])], tonumber(ARGV[i + 3])
  if ends_at == 0 or now < ends_at then
    check.interval, check.max, check.excepted = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), 1
    check.ends_at = ends_at > 0 and ends_at
  end
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

-- The messages in use as the µs until all of them are free again, and the µs for each. An arrival time that is there is
-- yet to come.
local function backlog(check)
  local tat = check.state.fields['tat:' .. check.rule]
  if tat then
    return tat.expires - now, tat.value
  end
  return 0, 0
end

local function messages(us, pace)
  return us == 0 and 0 or math.ceil(us / pace)
end

-- How much of a rule is used, how much reserved, and in how many µs all of it is free. No field here has expired.
local function reading(check)
  local state, rule = check.state, check.rule
  if check.kind == 'messages' then
    local us, pace = backlog(check)
    return messages(us, pace), 0, us
  end
  local level, prefix = 0, nil
  if check.kind == 'turns' then
    prefix = 'lease:' .. rule .. ':'
    for name in pairs(state.fields) do
      if begins(name, prefix) then level = level + 1 end
    end
    return level, 0, 0
  end
  local span, reserved = spans[check.kind], 0
  level = value(state, 'spent:' .. rule .. ':' .. span.name) or 0
  prefix = 'reserved:' .. rule .. ':' .. span.name .. ':'
  for name, counter in pairs(state.fields) do
    if begins(name, prefix) then reserved = reserved + counter.value end
  end
  return level, reserved, span.ends - now
end

-- How long a check has to wait under a maximum that stays what it is; nil if it never admits so much.
local function wait_under(check, max)
  if check.needed > max then
    return nil
  elseif check.kind == 'messages' then
    local us, pace = backlog(check)
    return math.max(us - pace * (max - check.needed), 0)
  end
  local used, reserved, reset = reading(check)
  if used + reserved + check.needed <= max then
    return 0
  elseif check.kind == 'turns' then
    return TURN_WAIT
  elseif used + check.needed <= max then
    return math.min(TURN_WAIT, reset)
  end
  return reset
end

-- How long a check has to wait; 0 if it may pass. An exception that ends before it would admit the request leaves it to
-- the rule.
local function wait(check)
  local waiting, ends_at = wait_under(check, check.max), check.ends_at
  if ends_at and not (waiting and now + waiting < ends_at) then
    waiting = wait_under(check, check.rule_max)
    waiting = waiting and math.max(waiting, ends_at - now)
  end
  return waiting or NEVER
end

-- The longest answer that is wanted and that every quota has room for. All may pass, so there is room for the shortest.
local function longest_answer()
  local length = most_tokens
  for _, check in ipairs(checks) do
    if check.per_token > 0 then
      local used, reserved = reading(check)
      local room = check.max - used - reserved - check.amount
      length = math.min(length, math.floor(room / check.per_token))
    end
  end
  return length
end

local function apply(check, length)
  local state, rule = check.state, check.rule
  if check.kind == 'messages' then
    local us, pace = backlog(check)
    -- At another pace the messages in use stay as many.
    if pace ~= check.interval then
      us = messages(us, pace) * check.interval
    end
    put(state, 'tat:' .. rule, check.interval, now + us + check.interval * check.amount)
  elseif check.kind == 'turns' then
    put(state, 'lease:' .. rule .. ':' .. member, now + lease_ttl, now + lease_ttl)
  else
    local span = spans[check.kind]
    put(state, 'reserved:' .. rule .. ':' .. span.name .. ':' .. member, check.amount + check.per_token * length, span.ends)
  end
end

-- Where the turn's reservations are, to be looked for when a lease is over: settle.lua may never come. See unsettled.rs.
local function note_reservations()
  local entry, noted = member, {}
  for _, check in ipairs(checks) do
    local key = check.state.key
    if (check.kind == 'day' or check.kind == 'month') and not noted[key] then
      entry, noted[key] = entry .. ' ' .. key, true
    end
  end
  if next(noted) then
    redis.call('ZADD', KEYS[#KEYS], string.format('%d', now + lease_ttl), entry)
    redis.call('PEXPIRE', KEYS[#KEYS], LONGEST_WINDOW)
  end
end

local refused, longest, length = 0, 0, 0
for i, check in ipairs(checks) do
  local waiting = wait(check)
  if waiting > longest then
    refused, longest = i, waiting
  end
end

if refused > 0 then
  -- The refusal stands whether or not it can be remembered.
  local name = violation_name(checks[refused].rule, checks[refused].state.key)
  length = are_violations_here() and pcall(record_violation, name, longest ~= NEVER and now + longest) and 0 or 1
else
  length = longest_answer()
  for _, check in ipairs(checks) do
    apply(check, length)
  end
  note_reservations()
end
save_all()

local answer = { refused, longest == NEVER and -1 or longest, length }
for _, check in ipairs(checks) do
  local used, reserved, reset = reading(check)
  answer[#answer + 1] = used
  answer[#answer + 1] = reserved
  answer[#answer + 1] = reset
  answer[#answer + 1] = check.excepted or 0
end
return answer
