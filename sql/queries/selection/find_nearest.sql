-- The demonstrations nearest to one of a recipe's, by cosine of their embeddings; $table holds the embeddings.
-- params: $recipe $table $demonstration $limit
-- columns: demonstration_id, similarity, primitive, problem_id, kept, rule
with embedded as (
    select e.*
    from query_table($table) as e
    inner join current_artifacts as c using (artifact)
    where c.recipe = $recipe
)

select
    other.demonstration_id,
    array_cosine_similarity(other.embedding, one.embedding) as similarity,
    p.primitive,
    p.problem_id,
    p.kept,
    p.rule
from embedded as one
inner join embedded as other on other.demonstration_id != one.demonstration_id
inner join provenance as p on p.recipe = $recipe and p.demonstration_id = other.demonstration_id
where one.demonstration_id = $demonstration
order by similarity desc, other.demonstration_id
limit $limit
