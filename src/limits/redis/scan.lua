-- One step through the keys of the server that has ours. A script with a key, because a cluster sends those where the key
-- is, and `SCAN` by itself anywhere.
-- KEYS: the violations. ARGV: the cursor, a pattern, how many to look at. Answer: as SCAN's.
return redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
