-- Where and why a provider's call failed, in its own words, for those who run the service.
alter table attempts add column error_cause text;
