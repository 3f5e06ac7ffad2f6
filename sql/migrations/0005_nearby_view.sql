create view nearby as
select
    stage,
    key,
    stage as near_stage,
    key as near_key
from artifacts
union all
select
    stage,
    key,
    ancestor_stage,
    ancestor_key
from upstream
union all
select
    stage,
    key,
    descendant_stage,
    descendant_key
from downstream;
comment on view nearby is 'Each artifact with itself, all that it was made from and all that was made from it.';
