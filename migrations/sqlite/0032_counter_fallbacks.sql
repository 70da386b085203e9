-- Which processes count in the database because Redis is away for them, and until when they may. The others do so too for as
-- long, so that one home of the counters decides at a time. Microseconds since 1970.
create table counter_fallbacks (
    instance blob primary key not null,
    until_us integer not null
);
