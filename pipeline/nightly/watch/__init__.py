"""The watch: is tonight like the corpus and the weeks before, and is there a cause that the taxonomy lacks."""

from pipeline.nightly.watch.found import Example, Proposal, Signal, Watch
from pipeline.nightly.watch.look import watch
from pipeline.nightly.watch.settings import Event, WatchSettings

__all__ = ["Event", "Example", "Proposal", "Signal", "Watch", "WatchSettings", "watch"]
