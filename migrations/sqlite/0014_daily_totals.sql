-- The number of messages stored on each past day of UTC (`day`: days since 1970); the first row includes all earlier days.
-- Today's messages are counted when they are asked for.
create table daily_totals (
    day bigint primary key not null,
    messages bigint not null
);
