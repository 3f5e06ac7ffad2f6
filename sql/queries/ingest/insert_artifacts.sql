-- Add artifacts, given as a JSON list of objects.
-- params: $rows
-- columns: Count
insert into artifacts by name
select * replace (try_cast(created as timestamptz) as created)
from (
    select unnest(from_json($rows::json, '[{
        "stage": "VARCHAR", "key": "VARCHAR", "digest": "VARCHAR", "recipe": "VARCHAR", "uri": "VARCHAR",
        "created": "VARCHAR", "seconds": "DOUBLE", "row_count": "BIGINT", "file_count": "INTEGER",
        "bytes": "BIGINT", "spec": "JSON", "summary": "JSON", "producer": "JSON", "environment": "JSON"
    }]'), max_depth := 2)
)
