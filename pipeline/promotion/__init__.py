"""The promotion gate: only a better model goes into service, and the log says who put which one there, and why."""

from pipeline.promotion.gate import Outcome, promote
from pipeline.promotion.registry import fetch
from pipeline.promotion.service import rollback
from pipeline.promotion.settings import PromoteSettings

__all__ = ["Outcome", "PromoteSettings", "fetch", "promote", "rollback"]
