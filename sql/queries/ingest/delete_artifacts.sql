-- Empty artifacts, to be filled anew.
-- params:
-- columns: Count
delete from artifacts
