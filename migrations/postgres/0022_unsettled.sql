-- Finds the reservations of turns, to see whether one was left unsettled. Other counters cost it nothing.
create index counters_reserved on counters (subject, field) where substr(field, 1, 9) = 'reserved:';
