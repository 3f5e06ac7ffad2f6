-- Artifacts whose rows are in the tables while the store has them no more.
-- params:
-- columns: artifact
select artifact
from ingested
where artifact not in (select digest from artifacts)
