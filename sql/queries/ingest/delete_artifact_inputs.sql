-- Empty artifact_inputs, to be filled anew.
-- params:
-- columns: Count
delete from artifact_inputs
