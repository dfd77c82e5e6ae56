from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.taxonomy_changes import MERGE, RENAME, SPLIT, Change, Lineage

DAY = date(2027, 1, 1)
TREE = [("c", "x"), ("d", "x"), ("e", "y"), ("f", "y")]


def _change(kind: str, sources: str, targets: str) -> Change:
    return Change(DAY, kind, tuple(sources), tuple(targets))


def test_changes_are_followed_in_a_chain() -> None:
    lineage = Lineage(TREE, [_change(RENAME, "a", "b"), _change(MERGE, "bk", "c"), _change(MERGE, "dm", "d")])
    assert [lineage.successor(cause) for cause in "abckdm"] == ["c", "c", "c", "c", "d", "d"]
    assert (lineage.successor("q"), lineage.parts("a"), lineage.parts("q")) == (None, (), ())
    assert set(lineage.former("c")) == {"a", "b", "k"}
    assert lineage.read("x", "a") == ("x", "c")
    assert lineage.read("x", "e") == ("y", "e")  # it moved to another type under its own id
    assert lineage.read("x", "q") == ("x", "q")


def test_what_was_split_has_parts_and_no_successor_unless_they_came_together_again() -> None:
    split = _change(SPLIT, "a", "bd")
    apart = Lineage(TREE, [_change(RENAME, "z", "a"), split, _change(RENAME, "b", "c")])
    assert (apart.successor("z"), apart.parts("z"), apart.successor("b")) == (None, ("c", "d"), "c")
    assert apart.read("x", "a") == ("x", "a")
    again = Lineage(TREE, [split, _change(MERGE, "bd", "d")])
    assert (again.successor("a"), again.parts("a")) == ("d", ())
    given_up = Lineage(TREE, [_change(SPLIT, "a", "bq")])  # neither b nor q is left
    assert (given_up.successor("a"), given_up.parts("a")) == (None, ())
    half = Lineage(TREE, [_change(SPLIT, "a", "dq")])  # q was given up: not all of a is d
    assert (half.successor("a"), half.parts("a")) == (None, ("d",))


def test_a_projection_adds_up_and_says_what_stops_it_and_what_it_is_blind_to() -> None:
    lineage = Lineage(TREE, [_change(MERGE, "ab", "c"), _change(SPLIT, "g", "ef")])
    found = lineage.projection([("a", "x"), ("d", "x"), ("b", "y")])
    assert found.matrix.tolist() == [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert (found.stopped_by, found.blind_to) == ((), ("e", "f"))
    assert lineage.projection([("a", "x"), ("g", "y"), ("q", "y")]).stopped_by == ("g", "q")
    assert (lineage.projection(TREE).matrix == np.eye(4)).all()


@given(st.data())
def test_whatever_changes_come_the_projection_moves_probability_and_loses_none(data: st.DataObject) -> None:
    """Of random trees, through random renames, merges and splits in the order of time."""
    old = [(f"c{at}", data.draw(st.sampled_from("xyz"))) for at in range(data.draw(st.integers(2, 8)))]
    tree, changes, touched = dict(old), [], set()
    for number in range(data.draw(st.integers(0, 8))):
        kind, name = data.draw(st.sampled_from((RENAME, MERGE, SPLIT))), f"n{number}"
        most = min(len(tree), 3) if kind == MERGE else 1
        sources = data.draw(st.lists(st.sampled_from(sorted(tree)), min_size=most, max_size=most, unique=True))
        types = [data.draw(st.sampled_from("xyz")) for _ in range(2 if kind == SPLIT else 1)]
        targets = [f"{name}{at}" for at in range(len(types))]
        touched |= {*types, *(tree.pop(source) for source in sources)}
        tree |= dict(zip(targets, types, strict=True))
        changes.append(Change(DAY, kind, tuple(sources), tuple(targets)))
    lineage = Lineage(list(tree.items()), changes)
    found = lineage.projection(old)

    went = {source for change in changes for source in change.sources}
    assert all(lineage.successor(cause) == cause for cause, _ in old if cause not in went)
    stopped = [at for at, (cause, _) in enumerate(old) if cause in found.stopped_by]
    kept = [at for at in range(len(old)) if at not in stopped]
    assert (found.matrix[kept].sum(axis=1) == 1).all()
    assert not found.matrix[stopped].any()
    assert all(len(lineage.parts(cause)) > 1 for cause in found.stopped_by)
    chances = np.random.default_rng(len(old)).dirichlet(np.ones(len(old)))
    new = chances @ found.matrix
    assert new.sum() == pytest.approx(chances[kept].sum())
    if not stopped:
        for kind in set("xyz") - touched:
            before = sum(chance for chance, (_, of) in zip(chances, old, strict=True) if of == kind)
            after = sum(chance for chance, of in zip(new, tree.values(), strict=True) if of == kind)
            assert after == pytest.approx(before, abs=1e-12)
