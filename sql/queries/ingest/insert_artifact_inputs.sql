-- Add what artifacts were made from, given as a JSON list of objects.
-- params: $rows
-- columns: Count
insert into artifact_inputs by name
select unnest(from_json($rows::json, '[{
    "stage": "VARCHAR", "key": "VARCHAR", "name": "VARCHAR", "input_stage": "VARCHAR",
    "input_key": "VARCHAR", "input_digest": "VARCHAR"
}]'), max_depth := 2)
