-- Sessions, API keys and accounts that have ended or may have changed. Every serving process reads on from the last number it
-- has seen. The numbers are those of the audit rows, which become visible in order; old rows are removed.
create table revocations (
    audit_id integer not null,
    subject blob not null,
    at text not null,
    primary key (audit_id, subject)
);
