"""The nightly job: every ticket once per model, into a database."""

from pipeline.nightly.ledger import Night, NightlySettings, run_night

__all__ = ["Night", "NightlySettings", "run_night"]
