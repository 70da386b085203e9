-- A running turn's reply as far as it was written down (`draft`), how the reply was cut into events (`pieces`: the length of
-- each, as model::pieces has it), and what is reserved from limits until it is settled.
alter table turns add column draft text;

alter table turns add column pieces blob;

alter table turns add column reserved text;

create index turns_unsettled on turns (finished_at) where reserved is not null;
