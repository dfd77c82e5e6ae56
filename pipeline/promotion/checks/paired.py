"""Whether the candidate is really better or only lucky: the exact paired test on the same rows."""

from dataclasses import asdict, dataclass

from scipy.stats import binomtest

from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared, Flags
from pipeline.promotion.settings import PromoteSettings

NAME = "paired test"


@dataclass(frozen=True, slots=True)
class Paired:
    """Rows that only one of the two got right, and how likely so many are by chance."""

    rows: int
    candidate_right: int
    champion_right: int
    only_candidate: int
    only_champion: int
    p_better: float  # of so many or more by chance, if both were equally good
    p_worse: float


def mcnemar(candidate: Flags, champion: Flags) -> Paired:
    """Compare which rows (n,) two models got right: one-sided exact tests on those that only one got right.

    McNemar 1947, "Note on the sampling error of the difference between correlated proportions", with the exact
    binomial distribution.
    """
    better, worse = int((candidate & ~champion).sum()), int((champion & ~candidate).sum())
    apart = better + worse
    chances = [
        float(binomtest(better, apart, alternative=side).pvalue) if apart else 1.0 for side in ("greater", "less")
    ]
    return Paired(len(candidate), int(candidate.sum()), int(champion.sum()), better, worse, *chances)


def paired(compared: Compared, settings: PromoteSettings) -> Finding:
    """Pass a candidate that is significantly better in types or in causes, and in neither significantly worse.

    Either is enough, so each "better" gets half of the level (Bonferroni): an equal candidate passes no more often
    than the level says. Each "worse" is tested at the whole of it.
    """
    if compared.same:
        return Finding(NAME, False, f"{compared.candidate.name} is in service already", {"same": True})
    found, level = measured(compared), settings.paired.level
    better = [level_name for level_name, it in found.items() if it.p_better <= level / len(found)]
    worse = [level_name for level_name, it in found.items() if it.p_worse <= level]
    if worse:
        verdict = f"significantly worse in {' and '.join(worse)}"
    elif better:
        verdict = f"significantly better in {' and '.join(better)}"
    elif all(it.only_candidate <= it.only_champion for it in found.values()):
        verdict = "not better"
    else:
        verdict = f"no more than luck explains (p above {level / len(found):g} in types and in causes)"
    return Finding(
        NAME,
        bool(better) and not worse,
        f"{verdict}: {'; '.join(_told(name, it) for name, it in found.items())}",
        {name: asdict(it) for name, it in found.items()},
    )


def measured(compared: Compared) -> dict[str, Paired]:
    """Return the test for types, and for causes over the rows whose cause is labelled."""
    types, causes = compared.true_types, compared.true_causes
    known = causes >= 0
    candidate, champion = compared.candidate, compared.champion
    return {
        "types": mcnemar(candidate.types == types, champion.types == types),
        "causes": mcnemar(
            candidate.causes[known] == causes[known],
            champion.causes[known] == causes[known],
        ),
    }


def _told(name: str, it: Paired) -> str:
    share = 100 / max(it.rows, 1)
    return (
        f"{name} {it.candidate_right * share:.1f} % right against {it.champion_right * share:.1f} % of {it.rows} rows, "
        f"{it.only_candidate} won and {it.only_champion} lost (p better {it.p_better:.3g}, worse {it.p_worse:.3g})"
    )
