-- Forgets what is counted of some subjects, or what one rule counts of them, and their violations.
-- KEYS: the subjects, each once; then the violations and the order of the latest. ARGV: the rule, or nothing for all.
-- Answer: of how many subjects there was something.

local rule = ARGV[1]
local violations, order = KEYS[#KEYS - 1], KEYS[#KEYS]
local found = {}

-- A field is `kind:rule`, perhaps with more behind it; a rule's name has no `:`.
local function forget_rule(key)
  for _, field in ipairs(redis.call('HKEYS', key)) do
    if string.match(field, '^%a+:([^:]*)') == rule then
      redis.call('HDEL', key, field)
      found[key] = true
    end
  end
end

local wanted = {}
for i = 1, #KEYS - 2 do
  local key = KEYS[i]
  wanted[key] = true
  if rule then
    forget_rule(key)
  else
    -- That it is restored is nothing that is counted.
    local counted = redis.call('HLEN', key) - redis.call('HEXISTS', key, 'restored')
    redis.call('UNLINK', key)
    if counted > 0 then
      found[key] = true
    end
  end
end

-- A violation's name is `rule:subject's key`.
for _, name in ipairs(redis.call('HKEYS', violations)) do
  local of_rule, key = string.match(name, '^([^:]*):(.*)$')
  if wanted[key] and (not rule or of_rule == rule) then
    redis.call('HDEL', violations, name)
    redis.call('ZREM', order, name)
    found[key] = true
  end
end

local count = 0
for _ in pairs(found) do
  count = count + 1
end
return count
