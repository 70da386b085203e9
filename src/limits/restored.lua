-- Whether subjects are known to hold all that was used, after clock.lua and state.lua; see restore.rs. EPOCH, said before
-- this, is no key of a script: it may be elsewhere while a cluster moves its keys one by one, and then nothing is doubted.

local HOUR = 60 * 60 * 1000000

-- The epoch of the data; nil: it cannot be told. Where Redis has lost all it knew, a new one begins.
local function current_epoch()
  local is_here, text = pcall(redis.call, 'GET', EPOCH)
  if not is_here then
    return nil
  end
  local epoch = text and tonumber(string.match(text, '^%d+'))
  if not epoch then
    epoch = now
    redis.call('SET', EPOCH, string.format('%d', now), 'EX', 32 * 24 * 60 * 60)
  end
  return epoch
end

local function is_restored(state, epoch)
  local marker = state.fields['restored']
  -- One from a clock that was ahead says nothing.
  return marker and marker.expires <= now + 24 * HOUR and (not epoch or marker.value == epoch)
end

-- Kind::is_restored in rule.rs; `check.interval` and `check.max` are still the rule's.
local function is_durable(check)
  return check.kind ~= 'messages' or check.interval * math.max(check.max, 1) >= HOUR
end

local function is_incomplete(checks)
  local epoch, is_asked = nil, false
  for _, check in ipairs(checks) do
    if is_durable(check) then
      if not is_asked then
        epoch, is_asked = current_epoch(), true
      end
      if not is_restored(check.state, epoch) then
        return true
      end
    end
  end
  return false
end
