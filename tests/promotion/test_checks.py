"""The checks on outcomes that the tests make; no model runs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pipeline.classify.calibrate import expected_calibration_error
from pipeline.classify.folder import Manifest, read_manifest
from pipeline.corpus import Labelled
from pipeline.promotion.checks import CHECKS
from pipeline.promotion.checks.calibration import calibration, chance_error
from pipeline.promotion.checks.churn import churn
from pipeline.promotion.checks.export import export
from pipeline.promotion.checks.floor import floor
from pipeline.promotion.checks.host import size, speed
from pipeline.promotion.checks.paired import mcnemar, paired
from pipeline.promotion.checks.unseen import unseen
from pipeline.promotion.compared import Compared, Recent, Rows, Side
from pipeline.promotion.settings import PromoteSettings
from pipeline.taxonomy import Taxonomy
from pipeline.text import Narrative

SETTINGS = PromoteSettings.load()


@pytest.fixture(scope="session")
def tree(small_tree: Path) -> Taxonomy:
    return Taxonomy.load(small_tree)


@pytest.fixture(scope="session")
def manifest(small_model: Path) -> Manifest:
    return read_manifest(small_model)[0]


def make(tree: Taxonomy, manifest: Manifest, true: list[int], candidate: list[int], champion: list[int]) -> Compared:
    """Compare what two models say (types: 0 power, 1 people; the cause is the first of the type)."""
    causes = [next(it for it in tree.causes if it.type_id == tree.type_ids[kind]) for kind in true]
    rows = tuple(
        Labelled(str(number), Narrative(f"text {number}"), cause.type_id, cause.id)
        for number, cause in enumerate(causes)
    )
    return Compared(
        tree, Rows(rows), (), _side(tree, manifest, "new", candidate), _side(tree, manifest, "old", champion)
    )


def _side(tree: Taxonomy, manifest: Manifest, name: str, types: list[int]) -> Side:
    first = [next(at for at, it in enumerate(tree.causes) if it.type_id == kind) for kind in tree.type_ids]
    said = np.array(types, dtype=np.int64)
    return Side(
        name, name, manifest, said, np.array([first[kind] for kind in types], dtype=np.int64), np.full(len(types), 0.9),
        np.zeros(0, dtype=np.int64), 0, 100.0, 10.0,
    )  # fmt: skip


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 40))
def test_mcnemar_is_the_binomial_of_the_rows_that_only_one_got_right(better: int, worse: int, both: int) -> None:
    candidate = np.array([True] * better + [False] * worse + [True] * both, dtype=bool)
    champion = np.array([False] * better + [True] * worse + [True] * both, dtype=bool)
    found = mcnemar(candidate, champion)
    assert (found.only_candidate, found.only_champion, found.rows) == (better, worse, better + worse + both)
    if better + worse:
        assert found.p_better == pytest.approx(binom.sf(better - 1, better + worse, 0.5))
        assert found.p_worse == pytest.approx(binom.cdf(better, better + worse, 0.5))
    else:
        assert (found.p_better, found.p_worse) == (1.0, 1.0)


def test_mcnemar_of_a_known_table() -> None:
    # Agresti 1990, p. 350 (approval of a prime minister): 150 and 86 changed their mind.
    found = mcnemar(np.array([True] * 150 + [False] * 86), np.array([False] * 150 + [True] * 86))
    assert 2 * found.p_better == pytest.approx(3.716e-05, rel=1e-3)  # as R's binom.test(86, 236) gives


@given(st.lists(st.sampled_from([(0, 0), (0, 1), (1, 0), (1, 1)]), min_size=1, max_size=80))
def test_an_equal_candidate_rarely_passes_and_never_in_both_directions(outcomes: list[tuple[int, int]]) -> None:
    one, other = (np.array([pair[at] == 1 for pair in outcomes]) for at in (0, 1))
    forward, back = mcnemar(one, other), mcnemar(other, one)
    level = SETTINGS.paired.level
    assert not (forward.p_better <= level and back.p_better <= level)
    assert forward.p_better == pytest.approx(back.p_worse)


def test_luck_passes_no_more_often_than_the_level() -> None:
    random = np.random.default_rng(1)
    passed = [
        mcnemar(random.random(300) < 0.8, random.random(300) < 0.8).p_better <= SETTINGS.paired.level
        for _ in range(500)
    ]
    assert np.mean(passed) <= SETTINGS.paired.level


def test_paired_asks_for_more_in_one_and_no_less_in_the_other(tree: Taxonomy, manifest: Manifest) -> None:
    true = [0] * 100
    assert paired(make(tree, manifest, true, [0] * 100, [0] * 80 + [1] * 20), SETTINGS).passed
    worse = paired(make(tree, manifest, true, [0] * 80 + [1] * 20, [0] * 100), SETTINGS)
    assert not worse.passed
    assert "significantly worse in types and causes" in worse.sentence
    lucky = paired(make(tree, manifest, true, [0] * 100, [0] * 98 + [1] * 2), SETTINGS)
    assert not lucky.passed
    assert "no more than luck explains" in lucky.sentence
    behind = paired(make(tree, manifest, true, [0] * 98 + [1] * 2, [0] * 99 + [1]), SETTINGS)
    assert (behind.passed, behind.sentence.startswith("not better: types 98.0 % right against 99.0 %")) == (False, True)
    mixed = make(tree, manifest, true, [0] * 100, [0] * 80 + [1] * 20)
    # Right about more types, but about fewer causes.
    mixed = replace(mixed, candidate=replace(mixed.candidate, causes=np.ones(100, dtype=np.int64)))
    assert "significantly worse in causes" in paired(mixed, SETTINGS).sentence
    assert not paired(mixed, SETTINGS).passed


def test_a_model_is_not_better_than_itself(tree: Taxonomy, manifest: Manifest) -> None:
    compared = make(tree, manifest, [0], [0], [1])
    finding = paired(replace(compared, champion=compared.candidate), SETTINGS)
    assert (finding.passed, finding.sentence) == (False, "new is in service already")


def test_floor_names_the_type_that_pays_and_those_it_cannot_judge(tree: Taxonomy, manifest: Manifest) -> None:
    least = SETTINGS.floor.least_rows
    true = [0] * 200 + [1] * least
    fallen = [0] * 200 + [1] * (least - 3) + [0] * 3
    finding = floor(make(tree, manifest, true, fallen, true), SETTINGS)
    assert not finding.passed
    assert f"人 people from 100.0% to 90.0% of {least} rows" in finding.sentence
    assert "电" not in finding.sentence
    few = floor(make(tree, manifest, true[1:-1], fallen[1:-1], true[1:-1]), SETTINGS)
    assert few.passed
    assert f"too few rows to judge: 人 people ({least - 1})" in few.sentence
    assert floor(make(tree, manifest, true, true, fallen), SETTINGS).passed


def test_what_chance_explains_shrinks_with_rows() -> None:
    random = np.random.default_rng(7)
    limits = [chance_error(random.uniform(0.4, 1.0, rows), SETTINGS.calibration) for rows in (50, 200, 800, 3200)]
    assert limits == sorted(limits, reverse=True)
    assert limits[-1] < SETTINGS.calibration.most_ece < limits[0]
    assert chance_error(np.zeros(0), SETTINGS.calibration) == 0


def test_a_perfectly_calibrated_model_rarely_exceeds_what_chance_explains() -> None:
    random = np.random.default_rng(7)
    confidence = random.uniform(0.4, 1.0, 150)
    limit = chance_error(confidence, SETTINGS.calibration)
    found = [expected_calibration_error(confidence, random.random(150) < confidence) for _ in range(400)]
    assert 0.02 < np.mean(np.array(found) > limit) < 0.09
    assert limit > SETTINGS.calibration.most_ece  # on so few rows the plain limit would refuse a perfect model


def test_calibration_refuses_what_is_wrong_and_worse_than_the_champion(tree: Taxonomy, manifest: Manifest) -> None:
    true = [0] * 200
    # Sure of 0.9: the candidate right about 120, the champion about 180.
    compared = make(tree, manifest, true, [0] * 120 + [1] * 80, [0] * 180 + [1] * 20)
    finding = calibration(compared, SETTINGS)
    assert not finding.passed
    assert finding.figures["candidate"] == pytest.approx(0.3)
    assert calibration(replace(compared, candidate=compared.champion), SETTINGS).passed
    # No worse than what is in service: refusing it would leave something as bad there.
    assert calibration(replace(compared, champion=compared.candidate), SETTINGS).passed


def test_export_parity_is_read_from_the_manifest(tree: Taxonomy, manifest: Manifest) -> None:
    compared = make(tree, manifest, [0], [0], [0])
    assert export(compared, SETTINGS).passed  # linear

    def of(**metrics: float) -> Compared:
        changed = manifest.model_copy(update={"kind": "bert", "metrics": {"n": 1000.0, **metrics}})
        return replace(compared, candidate=replace(compared.candidate, manifest=changed))

    good = {f"export_{what}_agreement": 0.999 for what in ("cause", "type", "route")}
    assert export(of(**good), SETTINGS).passed
    assert export(of(**{name.replace("export", "int8"): it for name, it in good.items()}), SETTINGS).passed
    assert "measured no agreement" in export(of(), SETTINGS).sentence
    bad = export(of(**{**good, "export_type_agreement": 0.99}), SETTINGS)
    assert not bad.passed
    assert "type 99.00% (least 99.5%)" in bad.sentence


def test_speed_and_size_have_limits(tree: Taxonomy, manifest: Manifest) -> None:
    compared = make(tree, manifest, [0], [0], [0])
    assert speed(compared, SETTINGS).passed
    assert size(compared, SETTINGS).passed
    slow = replace(compared, candidate=replace(compared.candidate, per_second=9.0, megabytes=201.0))
    assert not speed(slow, SETTINGS).passed
    assert not size(slow, SETTINGS).passed


def test_rows_that_taught_the_candidate_do_not_test_it(tree: Taxonomy, manifest: Manifest) -> None:
    compared = make(tree, manifest, [0], [0], [0])
    assert unseen(compared, SETTINGS).passed
    champion = replace(compared, champion=replace(compared.champion, learned=1))
    assert "the champion learned 1" in unseen(champion, SETTINGS).sentence
    assert unseen(champion, SETTINGS).passed
    candidate = replace(compared, candidate=replace(compared.candidate, learned=1))
    assert not unseen(candidate, SETTINGS).passed
    gone = replace(compared, candidate=replace(compared.candidate, learned=None))
    assert "cannot be told" in unseen(gone, SETTINGS).sentence


def test_churn_counts_what_changes_and_shows_the_largest_flows(tree: Taxonomy, manifest: Manifest) -> None:
    compared = make(tree, manifest, [0], [0], [0])
    assert churn(compared, SETTINGS).passed
    assert "no tickets of the last 31 days" in churn(compared, SETTINGS).sentence
    tickets = tuple(Recent(f"T{number}", "村里停电" * 30) for number in range(100))
    before = np.zeros(100, dtype=np.int64)

    def after(changed: int) -> Compared:
        types = before.copy()
        types[:changed] = 1
        sides = (replace(compared.candidate, recent=types), replace(compared.champion, recent=before))
        return replace(compared, recent=tickets, candidate=sides[0], champion=sides[1])

    few = churn(after(15), SETTINGS)
    assert few.passed
    assert "15 of 100 tickets" in few.sentence
    assert "电 to 人 15" in few.sentence
    (flow,) = few.figures["flows"]
    assert [it["ticket"] for it in flow["examples"]] == ["T0", "T1", "T2"]
    assert {len(it["narrative"]) for it in flow["examples"]} == {60}
    assert not churn(after(16), SETTINGS).passed


def test_every_check_speaks_even_if_one_fails(tree: Taxonomy, manifest: Manifest) -> None:
    compared = make(tree, manifest, [0] * 50, [1] * 50, [0] * 50)
    found = [check(compared, SETTINGS) for check in CHECKS]
    assert len({it.name for it in found}) == len(CHECKS)
    assert all(it.sentence for it in found)
    assert {it.name for it in found if not it.passed} >= {"paired test", "floor of each type", "calibration"}
