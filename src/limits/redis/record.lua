-- Remembers a refusal that take.lua could not, after clock.lua and violation.lua.
-- KEYS: the violations and their order. ARGV: which one, and its wait in µs (-1: it never fits).

local wait = tonumber(ARGV[2])
record_violation(ARGV[1], wait >= 0 and now + wait)
return 1
