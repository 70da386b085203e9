-- Finds the keys that have been kept long enough. Turns without a key cost it nothing.
create index turns_by_key_age on turns (created_at) where idempotency_key is not null;
