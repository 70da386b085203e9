-- What has ended, or may mean something else now: sessions, API keys, accounts. Every serving process reads on from the
-- last number it has seen. The numbers are the audit rows', which become visible in order; old rows are removed.
create table revocations (
    audit_id integer not null,
    subject blob not null,
    at text not null,
    primary key (audit_id, subject)
);
