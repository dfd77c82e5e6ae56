"""The nightly job: every ticket exactly once per model, into a database that balances at every moment."""

from pipeline.nightly.night import Night, NightlySettings, run_night

__all__ = ["Night", "NightlySettings", "run_night"]
