-- Whether subjects are known to hold all that was used, after clock.lua and state.lua; see restore.rs. EPOCH, said before
-- this, is no key of a script, which only reads it: it may be elsewhere while a cluster moves its keys one by one.

local HOUR = 60 * 60 * 1000000

-- The epoch of the data; nil: it cannot be told, and nothing is doubted; false: there is none here. `known`: what it is then,
-- 0 if that is not known either. Written it must not be: a cluster could not move its key to where one of that name is.
local function current_epoch(known)
  local is_here, text = pcall(redis.call, 'GET', EPOCH)
  if not is_here then
    return nil
  end
  local epoch = text and tonumber(string.match(text, '^%d+')) or known
  return epoch ~= 0 and epoch
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

-- What is missing for a decision: -1, a subject has to be restored first; -2, there is no epoch; nil, nothing.
local function missing(checks, known)
  local epoch, is_asked = nil, false
  for _, check in ipairs(checks) do
    if is_durable(check) then
      if not is_asked then
        epoch, is_asked = current_epoch(known), true
      end
      if epoch == false then
        return -2
      elseif not is_restored(check.state, epoch) then
        return -1
      end
    end
  end
end
