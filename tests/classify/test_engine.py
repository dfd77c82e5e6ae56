from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.classify.answer import ScoreSettings
from pipeline.classify.engine import agent_type, score_chunks
from pipeline.classify.model import Model
from pipeline.settings import DEFAULT_MODEL
from pipeline.taxonomy import Taxonomy
from pipeline.tickets import Ticket

TEXTS = ("昨晚停电三次一直没电", "电压低灯暗", "收费员态度差", "报装迟迟不办")


def _chunks(count: int, size: int = 5) -> list[list[Ticket]]:
    tickets = [Ticket(str(number), TEXTS[number % 4] + f"{number}次", number + 2) for number in range(count * size)]
    return [tickets[at : at + size] for at in range(0, len(tickets), size)]


def test_several_processes_answer_as_one_does_and_in_the_same_order(settings: ScoreSettings) -> None:
    model = Model.load()
    chunks = [*_chunks(9), []]
    alone = list(score_chunks(chunks, DEFAULT_MODEL, model, settings))
    together = list(score_chunks(chunks, DEFAULT_MODEL, model, settings.model_copy(update={"workers": 2})))
    assert together == alone
    assert [[entry.ticket.row for entry in chunk] for chunk in together] == [
        [it.row for it in chunk] for chunk in chunks
    ]


def test_an_error_in_the_input_reaches_the_caller_and_ends_the_processes(settings: ScoreSettings) -> None:
    def broken() -> Iterator[list[Ticket]]:
        yield from _chunks(6)
        raise RuntimeError("disk gone")

    scoring = score_chunks(broken(), DEFAULT_MODEL, Model.load(), settings.model_copy(update={"workers": 2}))
    with pytest.raises(RuntimeError, match="disk gone"):
        list(scoring)


def test_only_a_bounded_number_of_chunks_is_read_ahead(settings: ScoreSettings) -> None:
    read = 0

    def counting() -> Iterator[list[Ticket]]:
        nonlocal read
        for chunk in _chunks(40):
            read += 1
            yield chunk

    ahead = [
        read - done
        for done, _ in enumerate(
            score_chunks(counting(), DEFAULT_MODEL, Model.load(), settings.model_copy(update={"workers": 2}))
        )
    ]
    assert read == 40
    assert max(ahead) <= 6


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"agent_type": "供电质量投诉"}, "power_quality"),
        ({"agent_type": "供电质量"}, "power_quality"),
        ({"agent_type": "咨询"}, None),
        ({"agent_cause": "频繁停电"}, "power_quality"),
        ({"agent_cause": "户表轮换改造"}, "business"),  # an alias
        ({"agent_type": "服务投诉", "agent_cause": "频繁停电"}, "power_quality"),
        ({"agent_type": "服务投诉", "agent_cause": "说不清"}, "service"),
    ],
)
def test_the_agents_type_is_read_from_cause_or_type(
    taxonomy: Taxonomy, fields: dict[str, str], expected: str | None
) -> None:
    assert agent_type(Ticket("1", "停电", 2, fields=fields), taxonomy) == expected


def test_the_agents_classification_is_never_a_feature(settings: ScoreSettings, tmp_path: Path) -> None:
    plain = Ticket("1", "台区一个月停电五次", 2)
    swayed = Ticket("1", "台区一个月停电五次", 2, fields={"agent_type": "服务投诉", "agent_cause": "电价"})
    bracket = Ticket("1", "【电价】台区一个月停电五次", 2)
    ((first, second, third),) = score_chunks([[plain, swayed, bracket]], DEFAULT_MODEL, Model.load(), settings)
    chances = {
        # The last bits of a float depend on the row's place in the batch.
        (round(it.answer.type_probability, 12), round(it.answer.cause_probability, 12), it.answer.cause)
        for it in (first, second, third)
    }
    assert len(chances) == 1
