"""Secrets of the environment, in addresses and by their shape are in no text that leaves the process."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tailor_core.config.load import make_recipe
from tailor_core.config.settings import read_secret, read_settings
from tailor_core.errors import MachineError, RecipeError, StageError
from tailor_core.secrets import holds_secret, is_secret, masked, scrub

VARIABLES = {
    "OPENAI_API_KEY": "planted-teacher",
    "AWS_ACCESS_KEY_ID": "planted-id",
    "AWS_SECRET_ACCESS_KEY": "planted/aws+secret",
    "AWS_SESSION_TOKEN": "planted-session",
    "MLFLOW_TRACKING_PASSWORD": "planted-mlflow",
    "MLFLOW_TRACKING_TOKEN": "planted-bearer",
    "OPENLINEAGE_API_KEY": "planted-lineage",
    "OPENLINEAGE__TRANSPORT__AUTH__APIKEY": "planted-transport",
    "PREFECT_API_KEY": "planted-cloud",
    "PREFECT_API_AUTH_STRING": "admin:planted-basic",
    "PREFECT_SERVER_API_AUTH_STRING": "admin:planted-server",
    "HF_TOKEN": "planted-hub",
    "FSSPEC_SFTP_PASSWORD": "planted-sftp",
}
ADDRESSES = {
    "MLFLOW_TRACKING_URI": ("postgresql://me:planted%40db@host/mlflow", ["planted%40db", "planted@db"]),
    "PREFECT_API_DATABASE_CONNECTION_URL": ("postgresql+asyncpg://me:planted-pg@host/p", ["planted-pg"]),
    "OPENLINEAGE_URL": ("https://me:planted-url@host:5000", ["planted-url"]),
    "HTTPS_PROXY": ("http://me:planted-proxy@proxy:3128", ["planted-proxy"]),
}


@pytest.mark.parametrize(("name", "value"), VARIABLES.items())
def test_what_a_variable_holds_that_is_named_like_a_secret_is_masked(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"401: key {value} is wrong ({value.partition(':')[2] or value})"
    assert "planted" in masked(text)
    monkeypatch.setenv(name, value)
    assert masked(text) == "401: key *** is wrong (***)"
    assert str(StageError(text)) == str(MachineError(text)) == "401: key *** is wrong (***)"


@pytest.mark.parametrize(("name", "value", "passwords"), [(n, *rest) for n, rest in ADDRESSES.items()])
def test_the_password_of_an_address_is_masked_in_it_and_by_itself(
    name: str, value: str, passwords: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    shown = masked(f"cannot reach {value}: {' '.join(passwords)}")
    assert "planted" not in shown
    assert "//me:***@" in shown


def test_an_address_without_a_password_and_plain_words_stay() -> None:
    for text in (
        "http://127.0.0.1:8000/v1 of host:80/path@x",
        "abfs://container@account.dfs.core.windows.net/store",
        "s3://bucket/some/store?versionId=3",
        "task-oriented sk-short max_tokens=3",
    ):
        assert masked(text) == text
        assert not holds_secret(text)


def test_short_values_are_not_masked_for_they_are_parts_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    assert masked("the test is greatest") == "the test is greatest"


def test_a_key_of_any_variable_is_masked_once_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_GATEWAY", "planted-gateway")
    assert read_secret("MY_GATEWAY") == "planted-gateway"
    monkeypatch.delenv("MY_GATEWAY")
    assert masked("refused planted-gateway") == "refused ***"


@given(
    st.text(
        st.characters(exclude_characters="/ \t\r\n'\"\x0b\x0c\x85\xa0@", exclude_categories=["Z", "C"]),
        min_size=1,
    )
)
def test_no_password_survives_in_an_address(password: str) -> None:
    shown = masked(f"the store 'sftp://user:{password}@host/store' failed")
    assert shown == "the store 'sftp://user:***@host/store' failed"


def test_an_exception_is_masked_with_all_that_led_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "planted-hub")
    error, cause = RuntimeError("upstream said planted-hub"), ValueError("token planted-hub", 3)
    error.__cause__, cause.__context__ = cause, error
    scrub(error)
    shown = "".join(traceback.format_exception(error))
    assert "upstream said ***" in shown
    assert "'token ***', 3" in shown
    assert "planted" not in shown


KEY = "sk-proj-0123456789abcdef"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("teacher.api_key", {"teacher": {"api_key": "anything"}}),
        ("teacher.key_variable", {"teacher": {"key_variable": KEY}}),
        ("teacher.model", {"teacher": {"kind": "chat", "model": KEY}}),
        ("teacher.base_url", {"teacher": {"base_url": "https://me:hunter2@host/v1"}}),
        ("teacher.base_url", {"teacher": {"base_url": "https://host/v1?api_key=hunter2"}}),
        (
            "policy.vllm.server_base_url",
            {"policy": {"vllm": {"server_base_url": "http://me:hunter2@gpu:8000"}}},
        ),
        ("backbone.name", {"backbone": {"name": "https://me:hunter2@host/model"}}),
        ("environment.options.password", {"environment": {"options": {"password": "hunter2"}}}),
        ("environment.options.servers", {"environment": {"options": {"servers": [{"token": "hunter2"}]}}}),
        ("description", {"description": "the key is AKIAABCDEFGHIJKLMNOP"}),
        ("store.aws_secret_access_key", {"store": {"aws_secret_access_key": "hunter2"}}),
    ],
)
def test_a_secret_in_a_recipe_is_refused_in_one_sentence_that_does_not_repeat_it(
    field: str, values: dict[str, object]
) -> None:
    with pytest.raises(RecipeError) as caught:
        make_recipe({"name": "mine", **values}, "recipe 'mine'")
    said = repr(caught.value)
    assert f"recipe 'mine': {field} holds a secret" in said
    assert "teacher.key_variable" in said
    assert "Prefect Secret block" in said
    assert not any(secret in said for secret in ("hunter2", KEY, "AKIA", "anything"))
    assert "\n" not in said


def test_what_only_looks_like_a_secret_is_no_secret() -> None:
    assert not is_secret("max_tokens", "400")
    assert not is_secret("key_variable", "OPENAI_API_KEY")
    assert not is_secret("api_key", " ")
    assert make_recipe({"name": "mine", "teacher": {"key_variable": "MY_KEY"}}, "here")


@pytest.mark.parametrize("name", ["PGPASSWORD", "MYSQL_PWD", "AZURE_STORAGE_ACCOUNT_KEY", "REDIS_PASSWORD"])
def test_what_servers_of_databases_and_stores_read_is_masked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "planted-there")
    monkeypatch.setenv("PWD", "/home/me")
    assert masked("refused planted-there in /home/me") == "refused *** in /home/me"


def test_what_an_operating_system_says_of_a_file_is_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "planted-hub")
    error = OSError(2, "no planted-hub", "/x/planted-hub", None, "/y/planted-hub")
    scrub(error)
    assert str(error) == "[Errno 2] no ***: '/x/***' -> '/y/***'"


@pytest.mark.parametrize(
    "url", ["s3://b/x?secret=hunter2", "https://h/s?sig=hunter2", "s3://AKIAABCDEFGHIJKLMNOP/x"]
)
def test_a_store_with_a_key_in_its_address_is_refused(url: str, tmp_path: object) -> None:
    with pytest.raises(RecipeError, match="holds a password or key") as caught:
        read_settings(str(tmp_path), url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("given", ["argument", "variable"])
def test_a_store_with_a_password_in_its_address_is_refused_before_anything_is_kept(
    given: str, tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "sftp://me:hunter2@host/store"
    if given == "variable":
        monkeypatch.setenv("TAILOR_STORE", url)
    with pytest.raises(RecipeError) as caught:
        read_settings(str(tmp_path), url if given == "argument" else None)
    assert "store = 'sftp://me:***@host/store' holds a password" in str(caught.value)
    assert "FSSPEC_SFTP_PASSWORD" in str(caught.value)
