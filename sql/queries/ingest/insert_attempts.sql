-- Add attempts at stages, given as a JSON list of objects.
-- params: $rows
-- columns: Count
insert into attempts by name
select * replace (started::timestamptz as started, ended::timestamptz as ended)
from (
    select unnest(from_json($rows::json, '[{
        "attempt": "VARCHAR", "run": "VARCHAR", "recipe": "VARCHAR", "stage": "VARCHAR", "key": "VARCHAR",
        "state": "VARCHAR", "cached": "BOOLEAN", "started": "VARCHAR", "ended": "VARCHAR",
        "digest": "VARCHAR", "row_count": "BIGINT", "error": "VARCHAR", "model": "VARCHAR",
        "model_version": "INTEGER"
    }]'), max_depth := 2)
)
