import stat
from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.nightly.customers import Pseudonyms
from pipeline.tickets import Ticket


def _ticket(*personal: tuple[str, str]) -> Ticket:
    return Ticket("1", "停电", 2, personal=personal)


def test_calls_of_one_customer_belong_together_whatever_the_telephone(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "var" / "key")
    first = names.of(_ticket(("13800138000", "<电话>"), ("33001 12233", "<户号>")))
    second = names.of(_ticket(("3300112233", "<户号>"), ("13900139000", "<电话>")))
    assert first == second is not None
    assert "3300112233" not in first
    assert names.of(_ticket(("138-0013-8000", "<电话>"))) == names.of(_ticket(("13800138000", "<电话>"))) != first
    # The same digits as a customer's number and as a telephone are two callers.
    assert names.of(_ticket(("13800138000", "<户号>"))) != names.of(_ticket(("13800138000", "<电话>")))


def test_who_did_not_say_who_called_has_no_stand_in(tmp_path: Path) -> None:
    names = Pseudonyms(tmp_path / "key")
    assert names.of(_ticket()) is names.of(_ticket(("张三", "<姓名>"), ("--", "<电话>"))) is None


def test_the_key_is_kept_for_its_owner_alone_and_another_key_gives_other_names(tmp_path: Path) -> None:
    ticket = _ticket(("13800138000", "<电话>"))
    first = Pseudonyms(tmp_path / "a").of(ticket)
    assert Pseudonyms(tmp_path / "a").of(ticket) == first != Pseudonyms(tmp_path / "b").of(ticket)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_a_key_that_is_no_key_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")
    with pytest.raises(ConfigError, match="32 bytes"):
        Pseudonyms(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == b"short"
    with pytest.raises(ConfigError) as caught:
        Pseudonyms(Path("/proc/none/key"))
    assert caught.value.code == "key_unusable"
