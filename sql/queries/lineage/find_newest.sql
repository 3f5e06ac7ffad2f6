-- The artifact of a stage that was made or used last; no row where the stage has none.
-- params: $stage
-- columns: stage, key, digest
select
    a.stage,
    a.key,
    a.digest
from artifacts as a
left join attempts as t on t.stage = a.stage and t.key = a.key and t.state = 'COMPLETE'
where a.stage = $stage
group by a.stage, a.key, a.digest, a.created
order by greatest(max(t.ended), a.created) desc, a.key
limit 1
