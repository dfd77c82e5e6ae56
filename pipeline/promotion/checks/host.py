"""Whether this host can serve it: fast enough, and not too large."""

from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared
from pipeline.promotion.settings import PromoteSettings


def speed(compared: Compared, settings: PromoteSettings) -> Finding:
    """Refuse what would not be through with a night by the morning."""
    found, before, least = compared.candidate.per_second, compared.champion.per_second, settings.speed.least_per_second
    return Finding(
        "speed",
        found >= least,
        f"{found:,.0f} tickets a second in one process on this host, the champion {before:,.0f}; {least:g} are asked",
        {"candidate": found, "champion": before, "least": least},
    )


def size(compared: Compared, settings: PromoteSettings) -> Finding:
    """Refuse what is too large to be copied around."""
    found, before, most = compared.candidate.megabytes, compared.champion.megabytes, settings.size.most_mb
    return Finding(
        "size",
        found <= most,
        f"{found:.1f} MB, the champion {before:.1f} MB; {most:g} MB are allowed",
        {"candidate": found, "champion": before, "most": most},
    )
