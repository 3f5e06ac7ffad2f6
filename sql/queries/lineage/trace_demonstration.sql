-- Where a demonstration came from and what became of it: problem, primitive, verdict, decision, training row.
-- params: $recipe $demonstration
-- columns: demonstration_id, teacher, problem_id, split, difficulty, canonical_hash, primitive_id, primitive, reward, verdict_reason, kept, rule, duplicate_of, similarity, rank, sft_example_id
select
    demonstration_id,
    teacher,
    problem_id,
    split,
    difficulty,
    canonical_hash,
    primitive_id,
    primitive,
    reward,
    verdict_reason,
    kept,
    rule,
    duplicate_of,
    similarity,
    rank,
    sft_example_id
from provenance
where recipe = $recipe and demonstration_id = $demonstration
