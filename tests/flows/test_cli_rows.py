"""`tailor problems | solve | score`: one row out for each row in, and never a traceback."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from flows.cli import main

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def tailor(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Run:
    """Runs the command line in this process, with bytes for stdin, stdout and stderr."""

    def run(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        monkeypatch.setattr(sys, "argv", ["tailor", *arguments])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        with pytest.raises(SystemExit) as ended:
            main()
        out, error = capfdbinary.readouterr()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), out, error)

    return run


def rows(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    assert result.returncode == 0, result.stderr.decode()
    return [json.loads(line) for line in result.stdout.splitlines()]


def holds(statement: list[Any], world: tuple[bool, ...]) -> bool:
    """Whether a statement is true in a world: an oracle by plain recursion."""
    kind, *parts = statement
    if kind in ("telling-truth", "lying"):
        return world[parts[0]] == (kind == "telling-truth")
    values = [holds(part, world) for part in parts]
    return {
        "not": lambda: not values[0],
        "and": lambda: all(values),
        "or": lambda: any(values),
        "->": lambda: not values[0] or values[1],
        "<=>": lambda: values[0] == values[1],
    }[kind]()


def test_problems_are_solved_as_brute_force_solves_them(tailor: Run) -> None:
    made = tailor("problems", "kk", "--people", "5", "--size", "3", "--seed", "7")
    problems = rows(made)
    assert len(problems) == 3
    solved = rows(tailor("solve", "kk", stdin=made.stdout))
    for problem, answer in zip(problems, solved, strict=True):
        spec = problem["metadata"]["spec"]
        assert len(spec["names"]) == 5
        worlds = [
            list(world)
            for world in itertools.product([False, True], repeat=5)
            if all(holds(s, world) == world[i] for i, s in enumerate(spec["statements"]))
        ]
        assert worlds == [spec["solution"]]
        assert answer == {"id": problem["id"], "solution": worlds[0], "n_solutions": 1}


def test_the_same_seed_gives_the_same_problems_and_another_gives_others(tailor: Run) -> None:
    arguments = ("problems", "kk", "--people", "3", "--size", "4", "--option", "role_words=varied")
    first = tailor(*arguments, "--seed", "1")
    assert first.stdout == tailor(*arguments, "--seed", "1").stdout
    assert first.stdout != tailor(*arguments, "--seed", "2").stdout


def test_a_spec_with_names_and_statements_is_enough_to_solve(tailor: Run) -> None:
    specs = [
        {"names": ["A", "B"], "statements": [["lying", 1], ["lying", 0]]},
        {"names": ["A"], "statements": [["lying", 0]]},
        {"names": ["A", "B"], "statements": [["lying", 1], ["and", ["lying", 0], ["telling-truth", 1]]]},
    ]
    lines = "\n".join(json.dumps({"id": i, "metadata": {"spec": spec}}) for i, spec in enumerate(specs))
    found = rows(tailor("solve", "kk", stdin=lines.encode()))
    assert [row["n_solutions"] for row in found] == [2, 0, 2]
    assert [row["solution"] for row in found] == [None, None, None]
    assert [row["id"] for row in found] == [0, 1, 2]


def think(answer: str) -> str:
    return f"<think>Suppose so.</think>\n<answer>{answer}</answer>"


def test_answers_are_scored_and_hostile_ones_are_worth_nothing(tailor: Run) -> None:
    [problem] = rows(tailor("problems", "kk", "--people", "2", "--seed", "3"))
    right = problem["answer"]
    wrong = right.replace("knight", "kn0ve").replace("knave", "knight").replace("kn0ve", "knave")
    hostile: list[Any] = [
        "",
        None,
        3,
        ["<answer>"],
        {"a": 1},
        think(f"{right} {wrong}"),
        think(right) + think(right),
        think(right) + " and more",
        f"<think></think><answer>{right}</answer>",
        think(right.replace("a", "\u0430")),
        "<answer>" * 20_000,
        "\x00\ud800\u202e" * 100,
        "(" * 100_000,
    ]
    responses = [think(right), think(wrong), *hostile]
    lines = "\n".join(json.dumps({"problem": problem, "response": one}) for one in responses)
    scored = rows(tailor("score", "kk", "--mode", "binary", stdin=lines.encode()))
    assert [row["reward"] for row in scored] == [1.0] + [0.0] * (len(responses) - 1)
    assert all(isinstance(row["checks"], dict) for row in scored)


def test_bytes_that_are_no_text_are_only_a_wrong_answer(tailor: Run) -> None:
    [problem] = rows(tailor("problems", "kk", "--people", "2"))
    line = (
        json.dumps({"problem": problem, "response": "RESPONSE"})
        .encode()
        .replace(b"RESPONSE", b"\xff\xfe\x80")
    )
    assert [row["reward"] for row in rows(tailor("score", "kk", stdin=line))] == [0.0]


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        (b"not json", "line 2 is not JSON"),
        (b"[1, 2]", "line 2 is [1, 2]"),
        (b"[" * 100_000, "line 2 is nested too deeply"),
        (b"{}", 'line 2: a row must be {"problem"'),
        (b'{"problem": {}, "response": ""}', "line 2: "),
        (b'{"problem": {"metadata": {"spec": {"names": 3}}}, "response": ""}', "line 2: "),
    ],
)
def test_a_bad_row_ends_the_run_with_one_sentence_after_the_rows_before_it(
    tailor: Run, bad: bytes, part: str
) -> None:
    [problem] = rows(tailor("problems", "kk", "--people", "2"))
    good = json.dumps({"problem": problem, "response": ""}).encode()
    result = tailor("score", "kk", stdin=b"\n".join([good, bad, good]))
    assert result.returncode == 2
    assert len(result.stdout.splitlines()) == 1
    message = result.stderr.decode()
    assert part in message
    assert message.count("\n") == 1
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["problems", "kkk"], "'kkk' is not known"),
        (["problems", "kk", "--people", "1"], "people"),
        (["problems", "kk", "--option", "depht=3"], "depht"),
        (["problems", "kk", "--option", "depth"], "--option 'depth'"),
        (["solve", "kkk"], "'kkk' is not known"),
        (["score", "kk", "--mode", "golden"], "--mode = 'golden' is not known; use one of binary"),
        (["run", "kk-tinny"], "did you mean 'kk-tiny'?"),
        (["run", "kk-tiny", "--set", "policy.betta=1"], "did you mean 'beta'?"),
        (["run", "kk-tiny", "--set", "environment.name=kkk"], "'kkk' is not known"),
        (["run", "kk-tiny", "--set", "environment.options.peple=[3]"], "environment.options.peple"),
        (
            ["run", "kk-tiny", "--set", "primitives.dimensions.voice=['loud']"],
            "primitives.dimensions.voice holds 'loud'",
        ),
        (
            ["run", "kk-tiny", "--set", "primitives.dimensions.tone=['plain']"],
            "primitives.dimensions.tone is no",
        ),
        (["run", "kk-tiny", "--set", "primitives.dimensions.voice=3"], "primitives.dimensions.voice = 3"),
        (["run", "kk-tiny", "--set", "primitives.dimensions.voice=[]"], "primitives.dimensions.voice = []"),
        (["plan", "kk-tiny", "--set", "policy.beta=-1"], "policy.beta = -1"),
        (["plan", "kk-tiny", "--store", "nonsense://x"], "store = 'nonsense://x'"),
        (["backbone", "tiny", "--set", "steps=0"], "steps = 0"),
        (["backbone", "tiny", "--set", "seed=4294967296"], "seed = 4294967296 must be less than or equal to"),
        (["backbone", "large"], "backbone = 'large' is none that Tailor makes; use tiny or tiny-igsm"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_2(
    tailor: Run, tmp_path: Any, arguments: list[str], part: str
) -> None:
    if arguments[0] in ("run", "plan"):
        arguments = [*arguments, "--home", str(tmp_path / "home")]
    result = tailor(*arguments)
    assert result.returncode == 2
    message = result.stderr.decode()
    assert part in message
    assert message.startswith("tailor: ")
    assert message.count("\n") == 1
    assert result.stdout == b""


def test_a_reader_that_leaves_early_is_no_error(python_environment: dict[str, str]) -> None:
    command = f"{sys.executable} -m flows.cli problems kk --people 3 --size 3000 | head -n 1"
    result = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], env=python_environment, capture_output=True, check=False
    )
    assert result.stderr == b""
    assert result.returncode == 0
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(("setting", "op"), [("med", 15), ("hard", 21), ("plain", 25)])
def test_igsm_problems_are_made_solved_and_scored(tailor: Run, setting: str, op: int) -> None:
    made = tailor("problems", "igsm", "--setting", setting, "--op", str(op), "--size", "3", "--seed", "7")
    problems = rows(made)
    assert [problem["metadata"]["difficulty"]["op"] for problem in problems] == [op] * 3
    solved = rows(tailor("solve", "igsm", stdin=made.stdout))
    assert [str(row["solution"]) for row in solved] == [problem["answer"] for problem in problems]
    responses = [
        {"problem": problem, "response": f"<think>Because.</think><answer>{answer}</answer>"}
        for problem in problems
        for answer in (problem["answer"], "1000")
    ]
    lines = "\n".join(map(json.dumps, responses)).encode()
    assert [row["reward"] for row in rows(tailor("score", "igsm", stdin=lines))] == [1.0, 0.0] * 3


def test_countdown_problems_are_made_solved_and_scored(tailor: Run) -> None:
    made = tailor("problems", "countdown", "--size", "3", "--seed", "1")
    problems = rows(made)
    assert [problem["metadata"]["difficulty"]["numbers"] for problem in problems] == [3, 4, 3]
    solved = rows(tailor("solve", "countdown", stdin=made.stdout))
    assert all(row["n_solutions"] >= 1 for row in solved)
    responses = [
        {"problem": problem, "response": f"<think>Because.</think><answer>{answer}</answer>"}
        for problem, row in zip(problems, solved, strict=True)
        for answer in (problem["answer"], row["solution"], f"{problem['answer']} + 0")
    ]
    lines = "\n".join(map(json.dumps, responses)).encode()
    assert [row["reward"] for row in rows(tailor("score", "countdown", stdin=lines))] == [1.0, 1.0, 0.0] * 3


def test_an_option_of_another_environment_is_one_sentence(tailor: Run) -> None:
    refused = tailor("problems", "igsm", "--people", "3")
    assert refused.returncode == 2
    assert b"environment.options.people" in refused.stderr
    assert b"the keys are setting, op" in refused.stderr


def test_problems_go_out_to_another_project_and_come_back(tailor: Run, tmp_path: Any) -> None:
    arguments = [
        "kk",
        "--split",
        "train=5",
        "--split",
        "ood_people_6",
        "--size",
        "2",
        "--option",
        "ood.people=[6]",
    ]
    lines = rows(tailor("problems", *arguments))
    assert [line["metadata"]["split"] for line in lines] == ["train"] * 5 + ["ood_people_6"] * 2
    for form in ("verl", "trl", "huggingface"):
        written = tailor("problems", *arguments, "--export", form, "--output", str(tmp_path / form))
        assert (written.returncode, written.stdout, written.stderr) == (0, b"", b"")
        back = tailor("problems", "kk", "--import", str(tmp_path / form))
        assert sorted(rows(back), key=str) == sorted(lines, key=str)
        solved = rows(tailor("solve", "kk", stdin=back.stdout))
        assert [row["n_solutions"] for row in solved] == [1] * 7


def test_a_dataset_of_reasoning_gym_is_a_family(tailor: Run) -> None:
    pytest.importorskip("reasoning_gym")
    made = tailor("problems", "rg:leg_counting", "--size", "3", "--option", "max_animals=4")
    problems = rows(made)
    assert [row["solution"] for row in rows(tailor("solve", "rg:leg_counting", stdin=made.stdout))] == [
        problem["answer"] for problem in problems
    ]
    responses = [
        {"problem": problem, "response": think(text)}
        for problem in problems
        for text in (problem["answer"], "x")
    ]
    scored = rows(tailor("score", "rg:leg_counting", stdin="\n".join(map(json.dumps, responses)).encode()))
    assert [row["reward"] for row in scored] == [1.0, 0.0] * 3


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["kk", "--export", "verl"], "--export and --output go together"),
        (["kk", "--output", "x"], "--export and --output go together"),
        (
            ["kk", "--export", "csv", "--output", "x"],
            "export = 'csv' is not known; use one of huggingface, trl, verl",
        ),
        (["kk", "--import", "x.csv"], "neither a folder nor a .parquet or .jsonl file"),
        (["kk", "--import", "x", "--export", "trl", "--output", "y"], "give one of them"),
        (
            ["kk", "--import", "x", "--size", "1", "--people", "7", "--option", "depth=1"],
            "--import makes no problems, so --size, --people, --option are of no use with it; leave them out",
        ),
        (
            ["kk", "--import", "x", "--seed", "0"],
            "--import makes no problems, so --seed is of no use with it",
        ),
        (["kk", "--split", "test=few"], "--split 'test=few' is not of the form"),
        (["kk", "--size", "0", "--export", "trl", "--output", "x"], "the split 'train' would be empty"),
        (["rg:leg_countin"], "did you mean 'rg:leg_counting'?"),
    ],
)
def test_a_mistake_at_the_doors_is_one_sentence(tailor: Run, arguments: list[str], part: str) -> None:
    result = tailor("problems", *arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    assert part in result.stderr.decode()
    assert result.stderr.count(b"\n") == 1


def test_a_run_on_a_family_without_moves_is_one_sentence(tailor: Run, tmp_path: Any) -> None:
    pytest.importorskip("reasoning_gym")
    result = tailor(
        "run",
        "kk-tiny",
        "--home",
        str(tmp_path),
        "--set",
        "environment.name=rg:gcd",
        "--set",
        "environment.options={}",
    )
    assert result.returncode == 2
    assert b"'rg:gcd' has no move language" in result.stderr
    assert result.stderr.count(b"\n") == 1


def test_a_reward_that_nothing_could_earn_is_refused_before_anything_is_made(
    tailor: Run, tmp_path: Any
) -> None:
    pytest.importorskip("reasoning_gym")
    family = ["environment.name=rg:gcd", "environment.options={}", "method=none", "policy.reward=sound"]
    result = tailor("run", "kk-tiny", "--home", str(tmp_path), *(f"--set={value}" for value in family))
    assert result.returncode == 2
    assert result.stderr == (
        b"tailor: policy.reward = 'sound', but the family 'rg:gcd' reads no steps, so nothing would ever earn it; "
        b"set policy.reward to 'binary'\n"
    )
    assert not (tmp_path / "store").exists()


LONG = "a" * 300


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["plan", LONG], "is no path (File name too long); give another"),
        (["study", LONG, "--plan"], "is no path (File name too long); give another"),
        (["plan", "kk-tiny", f"--set=backbone.name={LONG}"], "is no path (File name too long); give another"),
        (["problems", "kk", "--import", LONG], "is no path (File name too long); give another"),
        (
            ["problems", "kk", "--export", "trl", "--output", LONG],
            "is no path (File name too long); give another",
        ),
        (["problems", "kk", "--export", "trl", "--output", "/dev/null/x"], "is no path (Not a directory)"),
        (["plan", "kk-tiny", f"--set=policy.steps={'9' * 5000}"], "exceeded maximum size (optimizer steps)"),
        (["plan", "kk-tiny", f"--set=policy.steps={'[' * 5000}"], "must be a valid integer"),
        (["plan", "kk-tiny", f"--set={'a.' * 3000}b=1"], "is nested too deeply"),
        (
            ["study", "kk-tiny", "--plan", "--set", "seeds=[-7]"],
            "seeds = [-7] must be greater than or equal to 0 (",
        ),
        (["study", "kk-tiny", "--plan", "--set", 'seeds=["a"]'], "seeds = ['a'] must be a valid integer"),
        (["study", "kk-tiny", "--plan", "--set", "target=2"], "correct it in the study or with --set"),
        (
            ["study", "kk-tiny", "--plan", "--set", "seeds=1000000000000"],
            "seeds = 1000000000000 must be less than",
        ),
        (["problems", "kk", "--split", "train=1", "--split", "train=2"], "--split names 'train' twice"),
        (["store", "push", "policy", "--to", ""], "--to is empty"),
    ],
)
def test_what_no_file_or_number_can_be_is_one_sentence(tailor: Run, arguments: list[str], part: str) -> None:
    result = tailor(*arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    told = result.stderr.decode()
    assert part in told
    assert told.count("\n") == 1
    assert len(told) < 1000


@pytest.mark.parametrize("text", [f"seed = {'9' * 5000}", f"seed = {'[' * 5000}", f"{'a.' * 3000}b = 1"])
def test_a_recipe_that_no_reader_takes_is_one_sentence(tailor: Run, tmp_path: Any, text: str) -> None:
    (tmp_path / "deep.toml").write_text(f"{text}\n")
    result = tailor("plan", str(tmp_path / "deep.toml"))
    assert (result.returncode, result.stdout, result.stderr.count(b"\n")) == (2, b"", 1)


def test_rows_of_another_family_than_the_command_names_are_refused(tailor: Run) -> None:
    made = tailor("problems", "kk")
    [problem] = rows(made)
    for arguments, stdin in [
        (["solve", "igsm"], made.stdout),
        (["score", "igsm"], json.dumps({"problem": problem, "response": think("x")}).encode()),
    ]:
        result = tailor(*arguments, stdin=stdin)
        assert (result.returncode, result.stdout) == (2, b"")
        assert b"environment = 'kk', but the command names 'igsm'" in result.stderr


def test_a_plan_says_what_a_run_would_be_refused_for(tailor: Run, tmp_path: Any) -> None:
    result = tailor("plan", "kk-tiny", "--home", str(tmp_path), "--set", 'primitives.dimensions.voice=["x"]')
    assert result.returncode == 0
    assert b"a run would be refused here: primitives.dimensions.voice holds 'x'" in result.stderr


def test_a_plan_and_a_run_say_of_a_backbone_that_is_nowhere_what_its_stage_would(
    tailor: Run, tmp_path: Any
) -> None:
    given = ["kk-tiny", "--home", str(tmp_path), "--set", "backbone.name=nope"]
    planned = tailor("plan", *given)
    assert planned.returncode == 0
    assert b"a run would be refused here: backbone.name = 'nope' is neither a model that" in planned.stderr
    refused = tailor("run", *given)
    assert refused.returncode == 2
    assert refused.stderr.startswith(b"tailor: backbone.name = 'nope' is neither a model that")
    assert refused.stderr.count(b"\n") == 1
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("file", "cannot be made a directory (File exists); choose another with --output"),
        ("full", "is there already; name a new directory, or remove it first"),
    ],
)
def test_a_backbone_is_not_begun_where_it_could_not_end(
    tailor: Run, tmp_path: Any, name: str, part: str
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    result = tailor("backbone", "tiny", "--home", str(tmp_path / "home"), "--output", str(tmp_path / name))
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode() == f"tailor: output = {str(tmp_path / name)!r} {part}\n"
    assert (tmp_path / "full" / "notes").read_text() == "mine"


def test_closed_stdin_is_one_sentence(tailor: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["tailor", "solve", "kk"])
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "kk-tiny", "--home", ""],
        ["recover", "--home="],
        ["store", "gc", "--delete", "--home", ""],
        ["problems", "kk", "--import", ""],
        ["problems", "kk", "--export", "trl", "--output", ""],
        ["backbone", "tiny", "--output", ""],
    ],
    ids=" ".join,
)
def test_an_empty_path_is_not_the_current_directory(
    tailor: Run, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = tailor(*arguments)
    assert (result.returncode, result.stdout) == (2, b"")
    flag = next(part.rstrip("=") for part in reversed(arguments) if part.startswith("--"))
    assert (
        result.stderr.decode() == f"tailor: {flag} is empty, but must be a path; give one, or leave it out\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_closed_stdout_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tailor", "problems", "kk"])
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "kk-tiny"],
        ["store", "ls"],
        ["store", "show", "policy/3f2a"],
        ["store", "verify"],
        ["store", "gc"],
        ["lineage", "policy"],
        ["recover", "--dry-run"],
        ["recover"],
        ["study", "kk-tiny", "--plan"],
    ],
    ids=" ".join,
)
def test_who_only_asks_makes_no_home(tailor: Run, tmp_path: Any, arguments: list[str]) -> None:
    home = tmp_path / "mistyped"
    result = tailor(*arguments, "--home", str(home))
    assert b"Traceback" not in result.stderr
    assert not home.exists()
    (tmp_path / "file").write_text("")
    for wrong in (tmp_path / "file", tmp_path / "file" / "home", tmp_path / LONG):
        refused = tailor(*arguments, "--home", str(wrong))
        assert refused.returncode == 2
        assert refused.stderr.startswith(
            f"tailor: home = {str(wrong)!r} cannot be made a directory (".encode()
        )
        assert refused.stderr.count(b"\n") == 1
