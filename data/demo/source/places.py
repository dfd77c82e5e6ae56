"""Who calls and where they live: fictional places, units, lines, transformer areas and households."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PATH = Path(__file__).with_name("places.yaml")
_GROUPS = "一二三四五六七八九"
# Mobile segments that no operator had been given when this was written, so that no number belongs to anybody.
_SEGMENTS = ("161", "163", "164", "168")
_CALLS_AGAIN = 0.06  # a caller of before with another matter
_NO_NUMBER = 0.1  # callers who could not name their 户号
_OTHER_PHONE = 0.15  # calls from another phone than the one on file


@dataclass(frozen=True, slots=True)
class Place:
    """A community or village, and how the grid reaches it (`area` is empty where the system does not know)."""

    name: str
    within: str
    city: str
    county: str
    unit: str
    kind: str
    line: str
    area: str

    @property
    def urban(self) -> bool:
        """Tell whether addresses have buildings and not village groups."""
        return self.kind == "城市"


@dataclass(frozen=True, slots=True)
class Household:
    """A customer: contract number (may be unknown), account holder, phones, address and the part of the place."""

    number: str
    name: str
    phone: str
    calling_number: str
    address: str
    part: str
    place: Place


class Region:
    """The places of one company and the households that have called from them so far."""

    def __init__(self, company: str, rng: random.Random) -> None:
        document = yaml.safe_load(_PATH.read_text(encoding="utf-8"))
        self._rng = rng
        self._surnames: str = document["surnames"]
        self._given: Sequence[str] = document["given"]
        self._places: list[Place] = []
        self._weights: list[float] = []
        for unit in document[company]["units"]:
            self._add_unit(document[company]["city"], unit)
        self._known: list[Household] = []

    def caller(self, urban: bool | None = None) -> Household:
        """Return the household behind the next call, in town or in the country if the call can only come from there.

        It is mostly a new one, sometimes one that called before.
        """
        known = [household for household in self._known if urban in (None, household.place.urban)]
        if known and self._rng.random() < _CALLS_AGAIN:
            return self._rng.choice(known)
        while urban not in (None, (place := self._rng.choices(self._places, self._weights)[0]).urban):
            pass
        household = self._household(place)
        self._known.append(household)
        return household

    def _add_unit(self, city: str, unit: dict[str, Any]) -> None:
        names = [*unit["areas"], *unit["others"]]
        # The first places of a unit are its weak spots: they call several times as often as the last.
        weights = [1 / (rank + 1) ** 0.7 for rank in range(len(names))]
        for rank, (name, weight) in enumerate(zip(names, weights, strict=True)):
            line = unit["lines"][rank % len(unit["lines"])]
            area = f"{name}{rank % 3 + 1}号公变" if name in unit["areas"] else ""
            within = unit["within"][rank % len(unit["within"])]
            self._places.append(Place(name, within, city, unit["county"], unit["unit"], unit["kind"], line, area))
            self._weights.append(unit["share"] * weight / sum(weights))

    def _household(self, place: Place) -> Household:
        rng = self._rng
        number = "" if rng.random() < _NO_NUMBER else f"52{rng.randrange(10**8):08}"
        name = rng.choice(self._surnames) + rng.choice(self._given)
        phone = self._phone()
        calling = self._phone() if rng.random() < _OTHER_PHONE else phone
        part = f"{rng.randint(1, 18)}栋" if place.urban else f"{rng.choice(_GROUPS)}组"
        return Household(number, name, phone, calling, self._address(place, part), part, place)

    def _phone(self) -> str:
        return self._rng.choice(_SEGMENTS) + f"{self._rng.randrange(10**8):08}"

    def _address(self, place: Place, part: str) -> str:
        rng, head = self._rng, f"{place.city}{place.county}{place.within}"
        if place.urban:
            door = f"{rng.randint(1, 4)}单元{rng.randint(1, 18)}0{rng.randint(1, 4)}室"
            return f"{head}{rng.randint(1, 320)}号{place.name}{part}{door}"
        return f"{head}{place.name}{part}{rng.randint(1, 96)}号"


def mention(household: Household, rng: random.Random) -> str:
    """Return where a household is as a caller says it: more or less exactly."""
    place, part = household.place, household.part
    return rng.choice(
        (
            place.name,
            place.name,
            f"{place.within}{place.name}",
            f"{place.county}{place.name}",
            f"{place.name}{part}",
            f"{place.county}{place.within}{place.name}{part}",
        )
    )
