-- Every attempt at a stage, or at one artifact of it where a key is given; newest first.
-- params: $stage $key
-- columns: attempt, run, recipe, key, state, cached, started, ended, error
select
    attempt,
    run,
    recipe,
    key,
    state,
    cached,
    strftime(started at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ') as started,
    strftime(ended at time zone 'UTC', '%Y-%m-%dT%H:%M:%SZ') as ended,
    error
from attempts
where stage = $stage and ($key = '' or key = $key)
order by coalesce(attempts.started, attempts.ended) desc, attempt
