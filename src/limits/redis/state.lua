-- Subjects' states: reading them once, changing them in memory, writing back what changed. Begins every script but
-- show.lua and forget.lua, after clock.lua. What the fields mean is written down in fields.rs.
--
-- Of KEYS all are subjects but the last OTHER_KEYS, which is said before this.
--
-- Lua's numbers are doubles: whole up to 2^53, which microseconds since 1970 and all bounded amounts stay below.
-- tostring() would round them to 14 digits, so they are written with %d.

-- A counter's text is `value/expires`, both whole numbers.
local function encode(counter)
  return string.format('%d/%d', counter.value, counter.expires)
end

local function decode(text)
  local value, expires = string.match(text, '^(%-?%d+)/(%-?%d+)$')
  return { value = tonumber(value), expires = tonumber(expires) }
end

-- One subject: its living fields, and which fields to write or delete in the end.
local function load(key)
  local state = { key = key, fields = {}, changed = {} }
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local counter = decode(flat[i + 1])
    if counter.expires > now then
      state.fields[flat[i]] = counter
    else
      state.changed[flat[i]] = true
    end
  end
  return state
end

local states = {}
for i = 1, #KEYS - OTHER_KEYS do
  states[i] = load(KEYS[i])
end

local function value(state, name)
  local counter = state.fields[name]
  return counter and counter.value
end

local function put(state, name, number, expires)
  state.fields[name] = { value = number, expires = expires }
  state.changed[name] = true
end

local function drop(state, name)
  if state.fields[name] then
    state.fields[name] = nil
    state.changed[name] = true
  end
end

-- Plain comparison: a rule's name may hold what is magic in a pattern.
local function begins(name, prefix)
  return string.sub(name, 1, #prefix) == prefix
end

local function ends(name, suffix)
  return string.sub(name, -#suffix) == suffix
end

-- One call for many arguments; Lua's stack bounds how many.
local function in_pieces(command, key, arguments)
  for from = 1, #arguments, 1000 do
    redis.call(command, key, unpack(arguments, from, math.min(from + 999, #arguments)))
  end
end

-- The key lives as long as its latest field means something. An empty hash is gone by itself.
local function save(state)
  local written, gone = {}, {}
  for name in pairs(state.changed) do
    local counter = state.fields[name]
    if counter then
      written[#written + 1] = name
      written[#written + 1] = encode(counter)
    else
      gone[#gone + 1] = name
    end
  end
  in_pieces('HSET', state.key, written)
  in_pieces('HDEL', state.key, gone)
  local latest = 0
  for _, counter in pairs(state.fields) do
    latest = math.max(latest, counter.expires)
  end
  if latest > 0 and next(state.changed) then
    redis.call('PEXPIREAT', state.key, string.format('%d', math.ceil(latest / 1000)))
  end
end

local function save_all()
  for _, state in ipairs(states) do
    save(state)
  end
end
