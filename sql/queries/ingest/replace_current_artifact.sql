-- Make an artifact the current one of its stage in a recipe.
-- params: $recipe $stage $artifact
-- columns: Count
insert or replace into current_artifacts (recipe, stage, artifact)
values ($recipe, $stage, $artifact)
