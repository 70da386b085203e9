-- A running turn's reply as far as it was written down (`draft`), and how the reply was cut into events (`pieces`: the length
-- of each, as model::pieces has it).
alter table turns add column draft text;

alter table turns add column pieces blob;
