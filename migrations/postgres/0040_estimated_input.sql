-- What we estimated the input of a call to be. Beside what its provider counted it tells by how much our estimates are off.
alter table attempts add column estimated_input bigint;
