"""What is to be judged: a run, or a folder that becomes one."""

import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.classify.folder import Manifest, read_manifest
from pipeline.classify.model import Model
from pipeline.errors import ModelError
from pipeline.promotion.evidence import Subject
from pipeline.promotion.registry import SCHEME, asked, fetch, model_uri
from pipeline.settings import CONFIGS, MLFLOW_STORE

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_LONGEST = 32  # hexadecimal digits of a run's id
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model folder on this machine; `run_id` and `uri` are None of a folder that no run logged."""

    folder: Path
    run_id: str | None = None
    uri: str | None = None


def candidate(told: str, *, log: bool) -> Candidate:
    """Find what is meant: a run's id or a unique beginning of one, models:/..., or a model folder.

    A folder is looked for among the runs by its digest and else becomes a run of its own, unless not to `log`. Raises
    ModelError if there is no such thing or more than one.
    """
    if Path(told).is_dir():
        return _of_folder(Path(told), log=log)
    if told.startswith(SCHEME):
        with asked() as client:
            run = client.get_run(_run_behind(client, told.removeprefix(SCHEME)))
    else:
        with asked() as client:
            run = _run(client, told)
    return Candidate(fetch(model_uri(run)), run.info.run_id, model_uri(run))


def subject(
    folder: Path, *, version: str | None = None, run_id: str | None = None, origin: str | None = None
) -> Subject:
    """Describe a model folder as log and evidence do."""
    manifest, digest = read_manifest(folder)
    return Subject(
        model=f"{manifest.kind}-{digest[:12]}",
        digest=digest,
        version=version,
        run_id=run_id,
        corpus_sha256=manifest.trained_on.get("sha256"),
        corpus_rows=manifest.trained_on.get("rows"),
        origin=origin,
    )


def _run(client: "MlflowClient", told: str) -> "Run":
    found = [run for run in _runs(client) if run.info.run_id.startswith(told)] if _is_hex(told) else []
    if len(found) != 1:
        known = "no run, no models:/ address and no folder" if not found else f"the beginning of {len(found)} runs"
        raise ModelError("run_missing", f"{told} is {known}; gongdan train makes runs, the MLflow page lists their ids")
    return found[0]


def _runs(client: "MlflowClient", where: str = "") -> "list[Run]":
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    runs: list[Run] = []
    token: str | None = None
    while True:
        page = client.search_runs(experiments, where, max_results=_AT_ONCE, page_token=token)
        runs += page
        token = page.token
        if not token:
            return runs


def _of_folder(folder: Path, *, log: bool) -> Candidate:
    manifest, digest = read_manifest(folder)
    with asked() as client:
        runs = _runs(client, f"tags.model_digest = '{digest}'")
    logged = [run for run in runs if run.outputs and run.outputs.model_outputs]
    if logged:
        return Candidate(folder, logged[0].info.run_id, model_uri(logged[0]))
    if not log:
        return Candidate(folder)
    return _logged(folder, manifest)


def _logged(folder: Path, manifest: Manifest) -> Candidate:
    """Log a folder as a run of its own, as a training would have."""
    with asked() as client:
        import mlflow  # noqa: PLC0415

        try:
            from pipeline.train import track  # noqa: PLC0415
        except ModuleNotFoundError as error:
            raise ModelError(
                "mlflow_missing", f"logging a folder needs {error.name}: pip install '.[train]', or give a run"
            ) from None
        if client.get_experiment_by_name(track.EXPERIMENT) is None and mlflow.get_tracking_uri().startswith("sqlite"):
            client.create_experiment(track.EXPERIMENT, artifact_location=(MLFLOW_STORE / "artifacts").as_uri())
        mlflow.set_experiment(track.EXPERIMENT)
        model = Model.load(folder)
        with mlflow.start_run(run_name=manifest.kind) as run:
            mlflow.set_tags(
                {
                    "model": model.name,
                    "model_digest": model.digest,
                    "corpus_sha256": manifest.trained_on.get("sha256", ""),
                    "taxonomy_version": manifest.taxonomy_version,
                    "lexicon_sha256": manifest.lexicon_sha256,
                }
            )
            mlflow.log_metrics({name: float(value) for name, value in manifest.metrics.items()})
            uri = track.log_model(folder, CONFIGS / "taxonomy.yaml", model)
        return Candidate(folder, run.info.run_id, uri)


def _run_behind(client: "MlflowClient", address: str) -> str:
    """Return the id of the run that logged what an address (name@alias, name/2, m-...) means; "" if none did."""
    name, _, alias = address.partition("@")
    if alias:
        return client.get_model_version_by_alias(name, alias).run_id or ""
    name, _, number = name.partition("/")
    if number:
        return client.get_model_version(name, number).run_id or ""
    return client.get_logged_model(name).source_run_id or ""


def _is_hex(told: str) -> bool:
    return 0 < len(told) <= _LONGEST and set(told) <= set(string.hexdigits.lower())
