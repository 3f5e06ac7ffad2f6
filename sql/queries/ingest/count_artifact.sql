-- Is an artifact in the catalog already? One row: 0 or 1.
-- params: $artifact
-- columns: artifacts
select count(*) as artifacts
from artifacts
where artifact = $artifact
