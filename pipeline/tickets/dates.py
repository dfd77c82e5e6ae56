"""Dates and times as exports write them."""

import re
from datetime import datetime, timedelta, timezone

# Spreadsheets count days from here (the 1900 system with its famous leap-year slip already absorbed).
_SPREADSHEET_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - exports carry local time without a zone
_LOCAL = timezone(timedelta(hours=8))  # all of China keeps one time
_SERIAL = re.compile(r"[2-6][0-9]{4}(?:\.[0-9]+)?")  # 1954 to 2091
_WRITTEN = re.compile(
    r"(?P<year>[12][0-9]{3})\s?[-/.年]\s?(?P<month>[0-9]{1,2})\s?[-/.月]\s?(?P<day>[0-9]{1,2})(?:\s?日)?"
    r"(?:[\sT]*(?P<hour>[0-9]{1,2})\s?[:：时点]\s?(?P<minute>[0-9]{1,2})?分?(?:[:：]?(?P<second>[0-9]{1,2})秒?)?(?:\.[0-9]+)?)?"
    r"\s?(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_COMPACT = re.compile(
    r"(?P<year>[12][0-9]{3})(?P<month>[01][0-9])(?P<day>[0-3][0-9])\s?"
    r"(?:(?P<hour>[0-2][0-9]):?(?P<minute>[0-5][0-9]):?(?P<second>[0-5][0-9])?)?"
)


def parse_time(value: object) -> datetime | None:
    """Return the local time a cell holds, None if it is empty; raises ValueError if it is no date.

    >>> parse_time("2026年11月2日 8时30分"), parse_time("20261102083000"), parse_time("")
    (datetime.datetime(2026, 11, 2, 8, 30), datetime.datetime(2026, 11, 2, 8, 30), None)
    """
    if isinstance(value, datetime):
        if type(value) is not datetime:  # with pandas installed, pyarrow gives nanoseconds as pandas' own kind
            value = datetime.fromisoformat(value.isoformat(timespec="microseconds"))
        return _local(value)
    text = "" if value is None else str(value).strip()
    if not text:
        return None
    if match := _WRITTEN.fullmatch(text) or _COMPACT.fullmatch(text):
        parts = match.groupdict()
        zone = parts.pop("zone", None)
        time = datetime(**{part: int(number or 0) for part, number in parts.items()})  # type: ignore[arg-type]  # noqa: DTZ001
        return _local(datetime.fromisoformat(f"{time}{zone}")) if zone else time
    if _SERIAL.fullmatch(text):
        # Rounded: spreadsheets write 15 digits, and 8:00 as 46328.3333333333 is a little less than 8:00.
        return _SPREADSHEET_EPOCH + timedelta(seconds=round(float(text) * 86400))
    raise ValueError("no date")


def _local(time: datetime) -> datetime:
    if time.tzinfo is None:
        return time
    try:
        return time.astimezone(_LOCAL).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError("no date") from error
