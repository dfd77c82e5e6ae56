"""MLflow's registry: which version has the alias, and a version's model folder on this machine."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.classify.folder import MANIFEST, read_manifest
from pipeline.errors import ModelError
from pipeline.settings import MLFLOW_STORE, ROOT

if TYPE_CHECKING:  # an extra, and three seconds to import
    from mlflow import MlflowClient
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion

SCHEME = "models:/"
FETCHED = ROOT / "var" / "models" / "registry"
DIGEST, HEAD = "gongdan.digest", "gongdan.log_head"  # tags of a version; of the registered model
_DIGITS = 12  # of a digest, as a folder's name
_ABSENT = (
    "RESOURCE_DOES_NOT_EXIST",
    "INVALID_PARAMETER_VALUE",
)  # an unknown name, an unknown alias
# MLflow would try a server that does not answer for several minutes; a night has a kept model to go on with. And it
# would draw bars and print addresses into results.
_QUIET: Mapping[str, str] = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A registered version; `digest` is None if it was registered by somebody else."""

    number: str
    run_id: str
    digest: str | None
    uri: str


class Registry:
    """One registered model with its alias. Every method raises ModelError when the registry cannot be used."""

    def __init__(self, name: str, alias: str) -> None:
        self.name, self.alias = name, alias

    def champion(self) -> Version | None:
        """Return the version that the alias points at; None if there is none."""
        with asked() as client:
            found = absent_is_none(lambda: client.get_model_version_by_alias(self.name, self.alias))
            return None if found is None else self._version(found)

    def version(self, number: str) -> Version:
        """Return a version."""
        with asked() as client:
            return self._version(client.get_model_version(self.name, number))

    def register(self, run_id: str, model_uri: str, digest: str) -> Version:
        """Return the version of a run's model, made unless it is there: done twice, it is there once."""
        with asked() as client:
            if absent_is_none(lambda: client.get_registered_model(self.name)) is None:
                client.create_registered_model(self.name)
            for found in client.search_model_versions(f"name = '{self.name}'"):
                if found.run_id == run_id and found.tags.get(DIGEST) == digest:
                    return self._version(found)
            made = client.create_model_version(
                self.name, model_uri, run_id, tags={DIGEST: digest}, model_id=model_uri.removeprefix(SCHEME)
            )
            return self._version(made)

    def tag(self, number: str, tags: Mapping[str, str]) -> None:
        """Tag a version."""
        with asked() as client:
            for key, value in tags.items():
                client.set_model_version_tag(self.name, number, key, value)

    def point(self, number: str) -> None:
        """Move the alias."""
        with asked() as client:
            client.set_registered_model_alias(self.name, self.alias, number)

    def mark(self, sha256: str) -> None:
        """Keep the hash of the log's newest line, so that lines cut off its end are missed."""
        with asked() as client:
            if absent_is_none(lambda: client.get_registered_model(self.name)) is not None:
                client.set_registered_model_tag(self.name, HEAD, sha256)

    def head(self) -> str | None:
        """Return that hash."""
        with asked() as client:
            found = absent_is_none(lambda: client.get_registered_model(self.name))
            return None if found is None else found.tags.get(HEAD)

    def _version(self, found: "ModelVersion") -> Version:
        number = str(found.version)
        return Version(number, found.run_id or "", found.tags.get(DIGEST), f"{SCHEME}{self.name}/{number}")


@contextmanager
def asked() -> "Iterator[MlflowClient]":
    """Yield a client of the usual server, else of var/mlflow; what goes wrong with it is raised as ModelError."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    try:
        import mlflow  # noqa: PLC0415
        from mlflow.exceptions import MlflowException  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise ModelError(
            "mlflow_missing",
            f"the registry needs {error.name}, which is not installed here: pip install '.[train]', or give a folder",
        ) from None
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    mlflow.set_tracking_uri(_address())
    try:
        yield mlflow.MlflowClient()
    except MlflowException as error:
        reason = str(error).splitlines()[0][:300]
        raise ModelError("registry_failed", f"MLflow at {mlflow.get_tracking_uri()} says: {reason}") from error
    except OSError as error:  # a server that is gone in the middle of a download
        raise ModelError("registry_failed", f"MLflow at {mlflow.get_tracking_uri()} cannot be used: {error}") from error


def _address() -> str:
    if address := os.environ.get("MLFLOW_TRACKING_URI"):
        return address
    MLFLOW_STORE.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{MLFLOW_STORE / 'mlflow.db'}"


def absent_is_none(ask: Any) -> Any:  # noqa: ANN401 - whatever is asked for
    """Return what a question to MLflow gives, None if it says that there is no such thing."""
    from mlflow.exceptions import MlflowException  # noqa: PLC0415

    try:
        return ask()
    except MlflowException as error:
        if error.error_code in _ABSENT:
            return None
        raise


def model_uri(run: "Run") -> str:
    """Return the address of the model that a run logged; raises ModelError."""
    outputs = run.outputs.model_outputs if run.outputs else []
    if not outputs:
        raise ModelError("run_without_model", f"run {run.info.run_id} logged no model; train again, or give a folder")
    return f"{SCHEME}{outputs[-1].model_id}"


def fetch(uri: str, home: Path | None = None) -> Path:
    """Return the model folder of a version (models:/name@alias, models:/name/2), downloaded once.

    Raises ModelError if the registry cannot be used, or what it holds is not what was registered.
    """
    home = home or FETCHED
    with asked() as client:
        address, digest = _resolved(client, uri)
    if digest is not None and (kept := home / digest[:_DIGITS]).is_dir() and _digest(kept) == digest:
        return kept
    return _downloaded(address, uri, digest, home)


def _resolved(client: "MlflowClient", uri: str) -> tuple[str, str | None]:
    """Return where a model's artifacts are, at an address that does not move, and the digest registered with it."""
    name, at, alias = uri.removeprefix(SCHEME).partition("@")
    if at:
        found = absent_is_none(lambda: client.get_model_version_by_alias(name, alias))
        if found is None:
            raise ModelError("model_missing", f"{uri}: the registry has no such model or alias (gongdan promote)")
        return f"{SCHEME}{name}/{found.version}/artifacts", found.tags.get(DIGEST)
    name, slash, number = name.partition("/")
    if not slash:
        return f"{client.get_logged_model(name).artifact_location}/artifacts", None  # models:/m-..., as runs have it
    return f"{uri}/artifacts", client.get_model_version(name, number).tags.get(DIGEST)


def _downloaded(address: str, uri: str, digest: str | None, home: Path) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".fetching-", dir=home))
    try:
        with asked():
            import mlflow  # noqa: PLC0415

            held = Path(mlflow.artifacts.download_artifacts(address, dst_path=str(made)))
        folders = [path.parent for path in held.glob(f"*/{MANIFEST}")]
        if len(folders) != 1:
            raise ModelError("model_missing", f"{uri} is no gongdan model: it holds no {MANIFEST}")
        found = read_manifest(folders[0])[1]
        if digest not in (None, found):
            raise ModelError("model_damaged", f"{uri} is not what was registered: its digest is {found[:_DIGITS]}")
        target = home / found[:_DIGITS]
        if target.exists():
            if _digest(target) == found:
                return target
            shutil.rmtree(target)
        folders[0].rename(target)
        return target
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _digest(folder: Path) -> str | None:
    try:
        return read_manifest(folder)[1]
    except ModelError:
        return None
