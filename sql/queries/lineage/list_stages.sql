-- The stages that have artifacts.
-- params:
-- columns: stage
select distinct stage
from artifacts
order by stage
