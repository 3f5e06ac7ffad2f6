-- Artifacts whose digest or key begins with a prefix, of one stage or, where it is empty, of any; newest first.
-- params: $stage $prefix
-- columns: stage, key, digest
select
    stage,
    key,
    digest
from artifacts
where ($stage = '' or stage = $stage) and (starts_with(digest, $prefix) or starts_with(key, $prefix))
order by created desc, stage, key
