-- Artifacts of stages with rows whose rows are not in the tables yet; of equal contents any one.
-- params: $stages
-- columns: stage, key, digest
select
    stage,
    min(key) as key,
    digest
from artifacts
where list_contains($stages, stage) and digest not in (select artifact from ingested)
group by all
order by stage, key
