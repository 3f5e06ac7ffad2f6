-- Empty attempts, to be filled anew.
-- params:
-- columns: Count
delete from attempts
