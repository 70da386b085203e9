-- Administrators look for these among millions that were completed.
create index turns_that_ended_badly on turns (state, id) where state in ('failed', 'cancelled', 'interrupted');
