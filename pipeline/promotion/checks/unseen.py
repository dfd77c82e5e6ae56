"""Whether the figures are honest: test rows that taught a model do not test it."""

from pipeline.promotion.checks.finding import Finding
from pipeline.promotion.compared import Compared, Side
from pipeline.promotion.settings import PromoteSettings

NAME = "unseen rows"


def unseen(compared: Compared, settings: PromoteSettings) -> Finding:
    """Refuse a candidate that learned rows it is judged on: by heart, any model is better.

    A champion that did has figures that are too kind; a candidate that beats it all the same is better indeed.
    """
    del settings
    sides = {"the candidate": compared.candidate, "the champion": compared.champion}
    figures = {"candidate": compared.candidate.learned, "champion": compared.champion.learned}
    tested, learned = len(compared.rows.frozen), compared.candidate.learned
    if learned:
        said = f"{learned} of the {tested} test rows taught the candidate, so its figures on them mean nothing"
        return Finding(NAME, False, f"{said}; train it on rows that say which of them test (`split`)", figures)
    told = ", ".join(f"{name} {_told(side)}" for name, side in sides.items())
    blind = f"{len(compared.rows.reviewed)} more rows were decided blind and taught neither"
    return Finding(NAME, True, f"of {tested} test rows {told}; {blind}", figures)


def _told(side: Side) -> str:
    if side.learned is None:
        return "learned what cannot be told any more (its corpus changed)"
    return f"learned {side.learned}" if side.learned else "learned none"
