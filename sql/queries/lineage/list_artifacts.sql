-- What is known of artifacts, given as a list of stage/key.
-- params: $places
-- columns: stage, key, digest, recipe, row_count, bytes, seconds, created, uri
select
    stage,
    key,
    digest,
    recipe,
    row_count,
    bytes,
    seconds,
    strftime(created at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ') as created,
    uri
from artifacts
where list_contains($places, stage || '/' || key)
order by created, stage, key
