-- Remembering a refusal, after clock.lua. One hash for all, and their order in time, so that the oldest can go when there are
-- too many. VIOLATIONS is said before this.

local VIOLATIONS_ORDER = VIOLATIONS .. ':latest'
-- Violation::KEPT_US and ::MOST in counter.rs.
local KEPT = 24 * 60 * 60 * 1000000
local MOST_VIOLATIONS = 5000

local function violation_name(rule, key)
  return rule .. ':' .. key
end

-- Whether a script may write them of which they are no keys. Where they are not there they may be at another node of a
-- cluster, on their way: made here, they would be in the way.
local function are_violations_here()
  local has_some, some = pcall(redis.call, 'HLEN', VIOLATIONS)
  local has_order, order = pcall(redis.call, 'ZCARD', VIOLATIONS_ORDER)
  return has_some and has_order and some > 0 and order > 0
end

-- `ends_at`: when the refusal is over; false: it never is.
local function record_violation(name, ends_at)
  local known = redis.call('HGET', VIOLATIONS, name)
  local count = 1
  if known then
    local before, at = string.match(known, '^(%d+)/(%d+)/')
    if now - tonumber(at) < KEPT then
      count = tonumber(before) + 1
    end
  end
  redis.call('HSET', VIOLATIONS, name, string.format('%d/%d/%d', count, now, ends_at or 0))
  redis.call('ZADD', VIOLATIONS_ORDER, string.format('%d', now), name)
  local surplus = redis.call('ZCARD', VIOLATIONS_ORDER) - MOST_VIOLATIONS
  if surplus > 0 then
    local oldest = redis.call('ZPOPMIN', VIOLATIONS_ORDER, surplus)
    for i = 1, #oldest, 2 do
      redis.call('HDEL', VIOLATIONS, oldest[i])
    end
  end
  redis.call('PEXPIRE', VIOLATIONS, KEPT / 1000)
  redis.call('PEXPIRE', VIOLATIONS_ORDER, KEPT / 1000)
end
