-- How many messages were stored on each day of UTC that is over (days since 1970); the first row has all that came before as
-- well. Today's are counted when asked for.
create table daily_totals (
    day bigint primary key not null,
    messages bigint not null
);
