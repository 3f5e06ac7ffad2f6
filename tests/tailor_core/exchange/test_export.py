"""Folders for verl, TRL and Hugging Face `datasets`, read by those and back by us."""

import json
from pathlib import Path

import datasets
import polars
import pytest
from huggingface_hub import DatasetCard

from tailor_core.environments import Wanted, get_environment, read_options
from tailor_core.environments.knights_knaves.formats import to_logic_rl
from tailor_core.environments.rows import problem_to_json
from tailor_core.errors import InputError, RecipeError
from tailor_core.exchange import export as export_module
from tailor_core.exchange.export import FORMATS, export
from tailor_core.exchange.reading import problem_of_row, read_problems
from tailor_core.exchange.verl import compute_score
from tailor_core.verification import reward_function

SPLITS = {"train": 9, "validation": 2, "test": 4}
LOGIC_RL = [
    *("quiz", "names", "knight_knave", "solution", "solution_text", "solution_text_format", "statements"),
    *("index", "data_source", "prompt", "ability", "reward_model", "extra_info"),
]


def wanted(family="kk", splits=SPLITS, seed=3, **options):
    return Wanted(
        environment=get_environment(family),
        options=read_options(family, options),
        splits=splits,
        seed=seed,
    )


def think(answer):
    return f"<think>Suppose so.</think><answer>{answer}</answer>"


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("family", ["kk", "igsm", "countdown", "rg:graph_color", "rg:gcd"])
def test_what_is_written_and_read_back_is_equal(tmp_path, family, form):
    asked = wanted(family)
    export(asked, form, tmp_path / "out")
    made = {split: list(asked.problems(split)) for split in SPLITS}
    assert {split: len(problems) for split, problems in made.items()} == SPLITS
    for split, problems in made.items():
        assert list(read_problems(tmp_path / "out" / f"{split}.parquet", family)) == problems
    whole = list(read_problems(tmp_path / "out", family))
    assert whole == [problem for split in sorted(SPLITS) for problem in made[split]]


@pytest.mark.parametrize("form", FORMATS)
def test_datasets_loads_the_folder_with_its_splits_and_features(tmp_path, form):
    export(wanted("kk", {**SPLITS, "ood_people_7": 3}, ood={"people": [7]}), form, tmp_path / "out")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {**SPLITS, "ood_people_7": 3}
    card = DatasetCard.load(tmp_path / "out" / "README.md")
    told = card.data.to_dict()
    assert told["license"] == "apache-2.0"
    assert [split["name"] for split in told["dataset_info"]["splits"]] == list(loaded)
    assert [split["num_examples"] for split in told["dataset_info"]["splits"]] == [9, 2, 4, 3]
    assert {feature["name"] for feature in told["dataset_info"]["features"]} == set(loaded["train"].features)
    for part in ("seed 3", "canonical hash", "| ood_people_7 | 3 |", '{"people": [7]}'):
        assert part in card.text
    assert {len(problem_of_row(row).spec["names"]) for row in loaded["ood_people_7"]} == {7}


def test_what_reasoning_gym_wrote_is_not_given_our_licence(tmp_path):
    export(wanted("rg:gcd", {"train": 2}), "huggingface", tmp_path / "out")
    assert "license: other" in (tmp_path / "out" / "README.md").read_text()


def test_rows_for_verl_have_the_columns_of_logic_rl_and_are_scored_by_name(tmp_path):
    export(wanted(), "verl", tmp_path / "out")
    rows = polars.read_parquet(tmp_path / "out" / "train.parquet").to_dicts()
    assert list(rows[0]) == LOGIC_RL
    for index, (row, problem) in enumerate(zip(rows, wanted().problems("train"), strict=True)):
        extra = row["extra_info"]
        assert {**row, "extra_info": {"split": "train", "index": index}} == to_logic_rl(problem, index)
        assert json.loads(extra["problem"]) == problem_to_json(problem)
        truth = row["reward_model"]["ground_truth"]
        right, wrong = think(problem.answer), think(problem.answer.replace("knight", "knave"))
        for information in (extra, None, {"split": "train", "index": index}):
            scored = [compute_score("kk_logic", text, truth, information) for text in (right, wrong, "")]
            assert scored == [1.0, 0.0, 0.0]
        assert compute_score("kk_logic", right, truth, extra, mode="logic-rl") == 3.0


@pytest.mark.parametrize("family", ["igsm", "countdown", "rg:chain_sum"])
def test_rows_of_other_families_for_verl_have_its_five_columns(tmp_path, family):
    export(wanted(family), "verl", tmp_path / "out")
    for row in polars.read_parquet(tmp_path / "out" / "test.parquet").to_dicts():
        assert list(row) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
        assert row["reward_model"]["style"] == "rule"
        answer = row["reward_model"]["ground_truth"]
        for text, reward in ((think(answer), 1.0), (think(f"{answer}0"), 0.0)):
            assert compute_score(row["data_source"], text, answer, row["extra_info"]) == reward


@pytest.mark.parametrize(
    ("source", "truth", "message"),
    [
        ("tailor/igsm", "7", "data_source = 'tailor/igsm' came without extra_info.problem"),
        ("kk_logic", "no", "data_source = 'kk_logic' came without"),
        ("kk_logic", {"solution_text_format": "Zoey"}, "solution_text_format = 'Zoey', but must have a line"),
        ("kk_logic", {"solution_text_format": "(1) Zoey is a knight"}, "statements"),
    ],
)
def test_a_row_that_says_no_problem_is_one_sentence(source, truth, message):
    with pytest.raises(InputError, match=message):
        compute_score(source, think("x"), truth, None)


@pytest.mark.parametrize("form", ["trl", "huggingface"])
def test_the_columns_are_those_that_our_reward_function_reads(tmp_path, form):
    export(wanted("igsm"), form, tmp_path / "out")
    rows = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    answers = [problem.answer for problem in wanted("igsm").problems("train")]
    completions = [[{"role": "assistant", "content": think(answer)}] for answer in answers]
    columns = {name: list(rows[name]) for name in rows.column_names}
    assert reward_function("binary")(completions=completions, **columns) == [1.0] * len(answers)
    if form == "trl":
        assert {turn["role"] for prompt in columns["prompt"] for turn in prompt} == {"user"}


def test_row_groups_are_bounded_and_the_bytes_depend_on_the_problems_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(export_module, "_ROWS", 4)
    for name in ("one", "two"):
        export(wanted(), "huggingface", tmp_path / name)
    assert (tmp_path / "one" / "train.parquet").read_bytes() == (
        tmp_path / "two" / "train.parquet"
    ).read_bytes()
    assert list(read_problems(tmp_path / "one" / "train.parquet", "kk")) == list(wanted().problems("train"))
    from pyarrow.parquet import ParquetFile

    assert ParquetFile(tmp_path / "one" / "train.parquet").num_row_groups == 3


def test_a_split_that_is_too_small_leaves_nothing_behind(tmp_path):
    with pytest.raises(RecipeError, match="'test' holds only"):
        export(wanted("kk", {"train": 5, "test": 10**4}, people=(2,)), "trl", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_one_that_holds_something_is_not_touched(tmp_path):
    (tmp_path / "out").mkdir()
    export(wanted(), "trl", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["README.md", *(f"{split}.parquet" for split in SPLITS)]
    )
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    with pytest.raises(InputError, match=r"out' is there already; name a new folder"):
        export(wanted(), "trl", tmp_path / "out")


def test_a_folder_of_the_user_beside_the_new_one_is_not_touched(tmp_path):
    (tmp_path / "mine.partial").mkdir()
    (tmp_path / "mine.partial" / "notes.txt").write_text("months of work")
    export(wanted(), "trl", tmp_path / "mine")
    assert (tmp_path / "mine.partial" / "notes.txt").read_text() == "months of work"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine.partial"]


def test_of_two_exports_at_once_the_first_stays_whole_and_the_second_is_one_sentence(tmp_path, monkeypatch):
    card = export_module.dataset_card

    def meanwhile(*arguments):
        monkeypatch.setattr(export_module, "dataset_card", card)
        export(wanted(seed=4), "trl", tmp_path / "out")
        return card(*arguments)

    monkeypatch.setattr(export_module, "dataset_card", meanwhile)
    with pytest.raises(InputError, match=r"out' is there already; name a new folder"):
        export(wanted(), "trl", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert "seed 4" in (tmp_path / "out" / "README.md").read_text()


def test_a_new_folder_is_as_open_as_any_other(tmp_path):
    export(wanted(), "trl", tmp_path / "out")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_folder_that_cannot_be_is_one_sentence_that_names_it_as_it_was_given(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (Path("/proc/foo"), tmp_path / "file" / "sub"):
        with pytest.raises(InputError) as refused:
            export(wanted(), "verl", folder)
        told = str(refused.value)
        assert told.startswith(f"output = {str(folder)!r} cannot be made a directory")
        assert told.endswith("; choose another")
        assert "\n" not in told


def test_a_family_whose_splits_overlap_is_found_out(tmp_path):
    kk = get_environment("kk")

    class Careless:
        name = "careless"
        ood_levels = kk.ood_levels

        def generate(self, options, *, count, split, seed, exclude=frozenset(), difficulty=None):
            return kk.generate(options, count=count, split="train", seed=seed)

    asked = Wanted(
        environment=Careless(), options=read_options("kk", {}), splits={"train": 3, "test": 3}, seed=0
    )
    with pytest.raises(RecipeError, match=r"'careless' gives problem .* of the split 'test' twice"):
        export(asked, "trl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.parquet", None, "does not exist"),
        ("torn.parquet", b"PAR1 and no more", "is no Parquet file that can be read"),
        ("rows.csv", b"a,b", "neither a folder nor a .parquet or .jsonl file"),
        ("rows.jsonl", b"{}\n[]\n", r"row 1: "),
        ("rows.jsonl", b"[]\n", r"line 1 is \[\]"),
        ("rows.jsonl", b'{"problem": 3}', "problem = 3, but must be a problem as JSON text"),
        ("rows.jsonl", b'{"problem": "{"}', "row 1: problem is not JSON"),
        ("rows.jsonl", b'{"environment": "igsm", "metadata": {"spec": 3}}', "row 1: metadata.spec = 3"),
    ],
)
def test_a_file_that_holds_no_problems_is_one_sentence(tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as refused:
        list(read_problems(tmp_path / name, "kk"))
    assert "\n" not in str(refused.value)


def test_problems_of_another_family_are_refused(tmp_path):
    export(wanted("igsm"), "trl", tmp_path / "out")
    with pytest.raises(InputError, match="the problem is of the family 'igsm', but 'kk' was asked for"):
        list(read_problems(tmp_path / "out", "kk"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no .parquet or .jsonl file"):
        list(read_problems(tmp_path / "empty", "kk"))
