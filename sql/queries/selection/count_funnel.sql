-- How many demonstrations are left after each test of the selection, in the order of the tests.
-- params: $recipe
-- columns: step, rule, dropped, remaining
with rules as (
    select * from (
        values
        (1, 'not_verified'),
        (2, 'not_wanted'),
        (3, 'contaminated'),
        (4, 'too_long'),
        (5, 'exact_duplicate'),
        (6, 'near_duplicate'),
        (7, 'semantic_duplicate'),
        (8, 'over_budget'),
        (9, 'over_token_budget')
    ) as named (step, rule)
),

decisions as (
    select * from current_selection where recipe = $recipe
),

counted as (
    select
        rules.step,
        rules.rule,
        count(decisions.demonstration_id) as dropped
    from rules
    left join decisions on decisions.rule = rules.rule and not decisions.kept
    group by all
)

select
    step,
    rule,
    dropped,
    (select count(*) from decisions)
    - sum(dropped) over (order by step)::bigint as remaining
from counted
order by step
