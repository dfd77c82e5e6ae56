"""What the desk does beside answering: it looks through new nights, and for the words that carried their answers."""

import logging
import threading
from dataclasses import dataclass, field

import sqlalchemy as sa

from pipeline.classify.model import ONE_CORE, Model
from pipeline.errors import GongdanError
from pipeline.nightly import NightlySettings
from pipeline.nightly.service import find
from pipeline.review.evidence import gather
from pipeline.review.fill import Filler
from pipeline.settings import resolve
from pipeline.store.database import Pool
from pipeline.store.review import review_items

logger = logging.getLogger(__name__)

_PAUSE = 60  # seconds between two looks for a new night
_AT_ONCE = 20  # tickets explained before new nights are looked for again


@dataclass(slots=True)
class Worker:
    """A thread that fills the queue and explains what stands in it, until it is stopped."""

    pool: Pool
    filler: Filler
    nightly: NightlySettings
    model: Model | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self._run, name="review-worker", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End after the ticket at hand."""
        self.stopping.set()
        if self.thread is not None:
            self.thread.join(timeout=_PAUSE)

    def step(self) -> int:
        """Look through new nights and explain some tickets; returns how many tickets were explained."""
        self.filler.fill()
        model = self._model()
        return gather(self.pool, model, _AT_ONCE) if model is not None else 0

    def _run(self) -> None:
        while not self.stopping.is_set():
            explained = 0
            try:
                explained = self.step()
            except GongdanError as error:  # the desk goes on; the next look may find the database or the model again
                logger.warning("queue not brought up to date", extra={"code": error.code})
            except Exception:  # a thread that ends would leave the desk without new tickets, and nobody would be told
                logger.exception("queue not brought up to date")
            self.stopping.wait(0 if explained else _PAUSE)

    def _model(self) -> Model | None:
        """Return the model that answered the newest queue, None if its folder is gone."""
        newest = sa.select(review_items.c.model_digest).order_by(review_items.c.run_id.desc()).limit(1)
        digest = self.pool.read(lambda connection: connection.scalar(newest))
        if digest is None:
            return None
        if self.model is None or self.model.digest != digest:
            folder = find(digest, resolve(self.nightly.model), self.nightly.kept_models)
            # One thread: the other cores are for who waits for a page.
            self.model = Model.load(folder, self.filler.taxonomy, bert=ONE_CORE) if folder is not None else None
        return self.model
