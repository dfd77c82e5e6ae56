import pytest

from pipeline.errors import ConfigError
from pipeline.settings import ROOT
from pipeline.store.address import expand, line_options, url_of


def test_a_password_comes_from_the_environment_and_one_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GONGDAN_PASSWORD", "p%40ss")
    url = url_of("postgresql://gongdan:${GONGDAN_PASSWORD}@server/gongdan")
    assert (url.drivername, url.password) == ("postgresql+psycopg", "p@ss")
    monkeypatch.delenv("GONGDAN_PASSWORD")
    with pytest.raises(ConfigError, match="GONGDAN_PASSWORD") as caught:
        expand("postgresql://gongdan:${GONGDAN_PASSWORD}@server/gongdan")
    assert caught.value.exit_status == 3


def test_a_file_is_below_the_root_unless_its_path_is_whole() -> None:
    assert url_of("sqlite:///var/x.db").database == str(ROOT / "var" / "x.db")
    assert url_of("sqlite:////srv/x.db").database == "/srv/x.db"
    assert url_of("sqlite://").database is None


def test_a_line_to_postgresql_notices_silence_and_keeps_options_of_its_own() -> None:
    options = line_options(url_of("postgresql://server/x?options=-csearch_path%3Dnights"))
    assert options["options"].startswith("-csearch_path=nights -c tcp_keepalives_idle=")
    assert options["connect_timeout"] == 10
    assert line_options(url_of("sqlite:///x.db")) == {}
