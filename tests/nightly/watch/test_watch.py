"""The watch over whole nights."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.nightly.watch import Event, Proposal, Signal, Watch, WatchSettings
from pipeline.taxonomy import OUT_OF_SCOPE

from .conftest import TONIGHT, Nights, Ticket, weeks

ALL = ["mix_weeks", "mix_corpus", "confidence", "review", "unknown_words", "text_weeks", "text_corpus"]
ALONE = ["mix_corpus", "unknown_words", "text_corpus"]  # what can be said without weeks to compare with


def signals(found: Watch) -> dict[str, Signal]:
    return {signal.name: signal for signal in found.signals}


def alarms(found: Watch) -> list[str]:
    return [signal.name for signal in found.signals if signal.alarm]


@pytest.fixture
def usual(nights: Nights, fresh: Sequence[Ticket]) -> Nights:
    """Four weeks of 40 tickets a day."""
    weeks(nights, fresh[:1120])
    return nights


def test_a_night_like_the_weeks_before_raises_no_alarm_and_is_seen_the_same_twice(
    usual: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    run = usual.add(TONIGHT, fresh[1120:1240])
    found = usual.watch(run, watching)
    assert usual.watch(run, watching) == found
    assert list(signals(found)) == ALL
    assert alarms(found) == []
    assert found.proposals == ()
    mix = signals(found)["mix_weeks"]
    assert "此前星期一 4 天（11月2日、11月9日、11月16日、11月23日）共 160 件" in mix.basis
    assert mix.before is not None
    assert mix.threshold > mix.before


def test_another_mix_alarms_and_keeps_its_figures_in_a_typhoon_without_alarming(
    usual: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    outages = [ticket for ticket in fresh[1120:] if ticket.type == "outage"]
    run = usual.add(TONIGHT, [*fresh[1120:1180], *outages[:60]])
    found = usual.watch(run, watching)
    assert "mix_weeks" in alarms(found)
    typhoon = Event.model_validate({"name": "台风", "from": TONIGHT - timedelta(days=1), "to": TONIGHT, "note": ""})
    quiet = usual.watch(run, watching.model_copy(update={"events": (typhoon,)}))
    assert alarms(quiet) == []
    assert signals(quiet)["mix_weeks"].now == signals(found)["mix_weeks"].now
    assert "期内有台风（11月29日至11月30日），不单独报警" in signals(quiet)["mix_weeks"].basis
    assert quiet.notes[0] == "期内有已知事件：台风（11月29日至11月30日）；监测信号不单独报警。"


def test_an_unsure_model_alarms(usual: Nights, fresh: Sequence[Ticket], watching: WatchSettings) -> None:
    unsure = [replace(ticket, probability=ticket.probability - 0.3, answer="none") for ticket in fresh[1120:1240]]
    found = usual.watch(usual.add(TONIGHT, unsure), watching)
    assert {"confidence", "review"} <= set(alarms(found))
    surer = [replace(ticket, probability=1.0, answer="cause") for ticket in fresh[1120:1240]]
    assert {"confidence", "review"}.isdisjoint(alarms(usual.watch(usual.add(TONIGHT, surer), watching)))


def test_texts_about_something_else_alarm_and_the_words_say_what(
    usual: Nights, topics: Mapping[str, Sequence[Ticket]], watching: WatchSettings
) -> None:
    others = [ticket for name in topics for ticket in topics[name]]
    found = usual.watch(usual.add(TONIGHT, others), watching)
    assert "text_weeks" in alarms(found)
    said = next(note for note in found.notes if note.startswith("与前几周相比，本次多见的词"))
    assert "无人机" in said.split("少见的词")[0] or "光伏" in said.split("少见的词")[0]


def test_words_that_the_corpus_never_uses_alarm(
    usual: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    strange = [replace(ticket, text=f"{ticket.text}，鹦鹉螺、曼陀罗、琥珀酸") for ticket in fresh[1120:1240]]
    found = usual.watch(usual.add(TONIGHT, strange), watching)
    assert "unknown_words" in alarms(found)


def test_a_first_night_has_the_corpus_alone_to_compare_with(
    nights: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    found = nights.watch(nights.add(TONIGHT, fresh[:200]), watching)
    assert list(signals(found)) == ALONE
    assert alarms(found) == []
    assert "前 4 周中可比的日子不足 3 天（每天至少 20 件），未与前几周相比。" in found.notes


def test_a_mix_further_from_the_corpus_than_any_published_one_alarms_on_the_first_night(
    nights: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    complaints = [ticket for ticket in fresh if ticket.type == "outage"][:100]
    assert alarms(nights.watch(nights.add(TONIGHT, complaints), watching)) == ["mix_corpus"]


def test_answers_of_another_model_are_not_compared_but_texts_are(
    nights: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    weeks(nights, fresh[:560], days=14, digest="other")
    found = nights.watch(nights.add(TONIGHT, fresh[1120:1240]), watching)
    assert list(signals(found)) == ["mix_corpus", "unknown_words", "text_weeks", "text_corpus"]
    assert any(note.startswith("本模型答复过的工单") for note in found.notes)


def test_too_few_tickets_no_dates_or_none_at_all_are_said(
    usual: Nights, fresh: Sequence[Ticket], watching: WatchSettings
) -> None:
    few = usual.watch(usual.add(TONIGHT, fresh[1120:1130]), watching)
    assert few == Watch((), (), ("本次 10 件，不足 50 件，不计算监测信号。",))
    undated = usual.watch(usual.add(None, fresh[1120:1240]), watching)
    assert list(signals(undated)) == ALONE
    assert "本次工单没有受理时间，未与前几周相比。" in undated.notes
    assert usual.watch(usual.add(TONIGHT, []), watching) == Watch((), (), ("本次没有新答复的工单，未作监测。",))
    same = usual.watch(usual.add(TONIGHT, [replace(fresh[0], text="测试工单")] * 60), watching)
    assert "本次不同的文本只有 1 条，未作文本监测。" in same.notes


def test_a_corpus_that_cannot_be_used_leaves_the_weeks(
    usual: Nights, fresh: Sequence[Ticket], watching: WatchSettings, small_corpus: Path
) -> None:
    found = usual.watch(usual.add(TONIGHT, fresh[1120:1240]), watching, small_corpus)
    assert list(signals(found)) == ["mix_weeks", "confidence", "review", "text_weeks"]
    assert found.notes[0].startswith("训练语料读不出")


@pytest.mark.parametrize(("topic", "word"), [("虚拟电厂", "虚拟电厂"), ("换电柜", "换电柜"), ("无人机巡线", "无人机")])
def test_a_new_topic_becomes_one_proposal(
    nights: Nights,
    fresh: Sequence[Ticket],
    topics: Mapping[str, Sequence[Ticket]],
    grouping: WatchSettings,
    topic: str,
    word: str,
) -> None:
    (proposal,) = _watched(nights, fresh, topics[topic], grouping)
    assert word in "".join(proposal.words)
    own = {ticket.text for ticket in topics[topic]}
    assert len(proposal.examples) == 3
    assert {example.narrative for example in proposal.examples} <= own
    assert 5 <= proposal.tickets <= 15
    assert proposal.share == pytest.approx(proposal.tickets / 615)
    assert proposal.usual is None


def test_a_proposal_says_how_many_like_it_the_same_weekdays_had(
    nights: Nights, fresh: Sequence[Ticket], topics: Mapping[str, Sequence[Ticket]], grouping: WatchSettings
) -> None:
    answered, *unsure = topics["换电柜"][11:]
    on_mondays = {7: replace(answered, type="business", answer="cause"), 14: unsure[0], 21: unsure[1], 28: unsure[2]}
    for number in range(1, 29):
        day = [*fresh[800 + 20 * number : 820 + 20 * number], on_mondays.get(number, unsure[0])]
        nights.add(TONIGHT - timedelta(days=number), day)
    (proposal,) = _watched(nights, fresh, topics["换电柜"][:11], grouping)
    assert proposal.usual == pytest.approx(1.0)


def test_what_the_model_answered_in_the_weeks_before_is_known(
    nights: Nights, fresh: Sequence[Ticket], topics: Mapping[str, Sequence[Ticket]], grouping: WatchSettings
) -> None:
    answered = [replace(ticket, type="business", answer="cause") for ticket in topics["换电柜"]]
    nights.add(TONIGHT - timedelta(days=3), [*fresh[800:860], *answered])
    assert _watched(nights, fresh, topics["换电柜"][:8], grouping) == ()


def test_tickets_of_one_street_or_one_family_are_no_new_cause(
    nights: Nights, fresh: Sequence[Ticket], topics: Mapping[str, Sequence[Ticket]], grouping: WatchSettings
) -> None:
    def at(area: str | None, customer: str | None) -> list[Ticket]:
        return [replace(ticket, area=area, customer=customer) for ticket in topics["换电柜"]]

    assert _watched(nights, fresh, at("东一台区", None), grouping) == ()
    assert _watched(nights, fresh, at(None, "c1"), grouping) == ()
    spread = [
        replace(ticket, area=f"{number % 3}号台区", customer=f"c{number}")
        for number, ticket in enumerate(topics["换电柜"])
    ]
    assert len(_watched(nights, fresh, spread, grouping)) == 1


def test_a_narrative_filed_many_times_counts_once(
    nights: Nights, fresh: Sequence[Ticket], topics: Mapping[str, Sequence[Ticket]], grouping: WatchSettings
) -> None:
    again = [replace(ticket, text=f"{ticket.text}请核实") for ticket in topics["换电柜"]]
    many = grouping.proposals.model_copy(update={"tickets": 16})
    settings = grouping.model_copy(update={"proposals": many})
    assert _watched(nights, fresh, [*topics["换电柜"], *again], settings) == ()
    (proposal,) = _watched(nights, fresh, [*topics["换电柜"], *again], grouping)
    assert proposal.tickets > 16


def test_what_is_surely_out_of_scope_may_be_a_new_cause(
    nights: Nights, fresh: Sequence[Ticket], topics: Mapping[str, Sequence[Ticket]], grouping: WatchSettings
) -> None:
    sure = [replace(ticket, type=OUT_OF_SCOPE, answer="cause", probability=0.99) for ticket in topics["换电柜"]]
    assert len(_watched(nights, fresh, sure, grouping)) == 1


def test_a_large_run_is_sampled_and_says_so(
    nights: Nights, fresh: Sequence[Ticket], topics: Mapping[str, Sequence[Ticket]], grouping: WatchSettings
) -> None:
    sampled = grouping.proposals.model_copy(update={"rows": 450})
    settings = grouping.model_copy(update={"proposals": sampled})
    found = nights.watch(nights.add(TONIGHT, [*fresh[:600], *topics["换电柜"], *topics["换电柜"]]), settings)
    assert any(note.startswith("文本监测与新原因按内容散列抽取 4") for note in found.notes)
    (proposal,) = found.proposals
    assert proposal.tickets == round(proposal.share * 630)


def _watched(
    nights: Nights, fresh: Sequence[Ticket], topic: Sequence[Ticket], settings: WatchSettings
) -> tuple[Proposal, ...]:
    return nights.watch(nights.add(TONIGHT, [*fresh[:600], *topic]), settings).proposals
