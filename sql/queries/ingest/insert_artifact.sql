-- Record that an artifact's rows are in the catalog.
-- params: $artifact $stage
-- columns: Count
insert into artifacts (artifact, stage)
values ($artifact, $stage)
