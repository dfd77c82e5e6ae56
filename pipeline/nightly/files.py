"""What a night leaves beside the database: its answers as files, and the report with what the watch saw."""

from dataclasses import dataclass, field
from pathlib import Path

from pipeline.classify.model import Model
from pipeline.nightly.report import night_report, write_report
from pipeline.nightly.sinks import Format, write_answers
from pipeline.nightly.watch import WatchSettings, watch
from pipeline.settings import CORPUS, Settings, resolve
from pipeline.store.database import Store


class OutputSettings(Settings):
    """Which files, and the folder in which each night gets one of its own."""

    folder: Path
    answers: tuple[Format, ...]  # the answers as files, too
    report: bool  # a page and a workbook about the night


@dataclass(slots=True)
class Left:
    """What was written, and what the watch wants somebody to look at."""

    paths: list[Path] = field(default_factory=list)
    alarms: list[str] = field(default_factory=list)


def leave_files(
    store: Store, settings: OutputSettings, watching: WatchSettings | None, model: Model, run_id: int
) -> Left:
    """Write the files of a run that is closed; raises FileError, StoreError or OSError."""
    folder = resolve(settings.folder) / f"run-{run_id:05d}"
    left = Left(write_answers(store, run_id, model.taxonomy, folder, settings.answers))
    if not settings.report:
        return left
    seen = None
    if watching is not None:
        seen = store.run(lambda connection: watch(connection, run_id, model, watching, CORPUS))
        left.alarms += [signal.title for signal in seen.signals if signal.alarm]
    report = store.run(lambda connection: night_report(connection, run_id, model.taxonomy))
    written = write_report(report, folder, seen)
    left.paths += [written.page, written.book]
    return left
