"""What does the demonstration say, read back from its files as a stranger would?"""

import csv
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import phonenumbers

from demo.__main__ import main

NOW = "2025-11-20T10:00:00+01:00"

Row = dict[str, str]


@dataclass(frozen=True)
class Demo:
    """The files in a directory, and the questions that a telephone exchange would ask of them."""

    directory: Path
    _read: dict[str, list[Row]] = field(default_factory=dict, compare=False, repr=False)

    def header(self, name: str) -> list[str]:
        """Return the columns of a CSV file."""
        with (self.directory / name).open(encoding="utf-8", newline="") as file:
            return next(csv.reader(file))

    def rows(self, name: str) -> list[Row]:
        """Return the rows of a CSV file by column; the file is read once."""
        if name not in self._read:
            with (self.directory / name).open(encoding="utf-8", newline="") as file:
                self._read[name] = list(csv.DictReader(file))
        return self._read[name]

    def listed(self, name: str) -> list[dict[str, Any]]:
        """Return the entries of a JSON file."""
        entries: list[dict[str, Any]] = json.loads((self.directory / name).read_text(encoding="utf-8"))
        return entries

    def contacts_of(self, case: str) -> list[Row]:
        """Return a case's contacts, oldest first."""
        found = [row for row in self.rows("contacts.csv") if row["case"] == case]
        return sorted(found, key=lambda row: datetime.fromisoformat(row["started_at"]))

    def owner(self, case: Row) -> str:
        """Return who should be rung about a case: whom it names, or else the agent of the newest contact."""
        return case["owner"] or self.contacts_of(case["case"])[-1]["agent"]

    def customers_at(self, number: str) -> list[Row]:
        """Return the customers who have this number, however it is spelt."""
        called_from = e164(number)
        return [row for row in self.rows("customers.csv") if called_from in row["phones"].split("|")]

    def open_cases_of(self, customer: str) -> list[Row]:
        """Return a customer's cases that are not solved, the last handled first."""
        found = [
            row for row in self.rows("cases.csv") if row["customer"] == customer and row["status"] != "solved"
        ]
        return sorted(
            found, key=lambda row: self.contacts_of(row["case"])[-1]["started_at"][:19], reverse=True
        )

    def spoken_name(self, agent: str) -> str:
        """Return how an agent is called on the telephone."""
        return {row["agent"]: row["spoken_name"] for row in self.rows("agents.csv")}[agent]

    def entry(self, beginning: str) -> dict[str, Any]:
        """Return the one caller in the telephone book whose label begins like this."""
        (found,) = [each for each in self.listed("phonebook.json") if each["label"].startswith(beginning)]
        return found

    def busy(self) -> dict[str, list[tuple[datetime, int]]]:
        """Return, for each agent, when each conversation began and how many seconds it took, in order."""
        busy: defaultdict[str, list[tuple[datetime, int]]] = defaultdict(list)
        for row in self.rows("contacts.csv"):
            if row["channel"] in {"call", "visit"}:
                busy[row["agent"]].append((datetime.fromisoformat(row["started_at"]), int(row["seconds"])))
        return {agent: sorted(spans) for agent, spans in busy.items()}


def e164(number: str) -> str:
    """Return a valid number in E.164, read as a Dutch exchange would."""
    parsed = phonenumbers.parse(number, "NL")
    assert phonenumbers.is_valid_number(parsed), number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def written(directory: Path, *options: str) -> Demo:
    """Return the demonstration as the command writes it."""
    assert main([str(directory), *options]) == 0
    return Demo(directory)
