-- Record that an artifact's rows are in the tables.
-- params: $artifact
-- columns: Count
insert into ingested (artifact)
values ($artifact)
