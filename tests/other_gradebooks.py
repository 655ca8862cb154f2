"""What Canvas and Moodle do with files that are imported: written from their documentation and importers' behaviour."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass, field


class Rejected(Exception):
    """The system refuses the file."""


@dataclass
class Canvas:
    """A Canvas course: students by id, with their SIS ids, and grades by assignment's id."""

    students: dict[int, tuple[str, str]]
    assignments: dict[int, tuple[str, float]]
    grades: dict[int, dict[int, str]] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    """Titles of assignments that an import has made."""

    def export(self, delimiter: str = ",", mark: bool = False, comma: bool = False) -> bytes:
        """The gradebook as Canvas exports it."""
        out = io.StringIO()
        table = csv.writer(out, delimiter=delimiter, lineterminator="\n")
        titles = [f"{title} ({number})" for number, (title, _) in self.assignments.items()]
        table.writerow(["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *titles, "Current Score"])
        points = [f"{most:.2f}".replace(".", "," if comma else ".") for _, most in self.assignments.values()]
        table.writerow(["    Points Possible", "", "", "", "", *points, "(read only)"])
        for number, (name, sis) in self.students.items():
            row = [self.grades.get(entry, {}).get(number, "") for entry in self.assignments]
            row = [text.replace(".", ",") if comma else text for text in row]
            table.writerow([name, number, sis, f"{sis}@uni.example", "Group A, Monday", *row, "50.00"])
        table.writerow(["Student, Test", 9999, "", "", "Group A, Monday", *["" for _ in self.assignments], ""])
        return out.getvalue().encode("utf-8-sig" if mark else "utf-8")

    def take(self, data: bytes) -> dict[tuple[int, int], tuple[str, str]]:
        """Import a file; the changes by assignment and student: from, to. An empty cell over a grade erases it."""
        text = data.decode("utf-8-sig")
        counts = {sign: {len(row) for row in csv.reader(text.splitlines()[:3], delimiter=sign)} for sign in ";,"}
        delimiter = ";" if len(counts[";"]) == 1 and max(counts[";"]) > max(counts[","]) else ","
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
        header = rows[0]
        if "Student" not in header[0] or "ID" not in header[1] or header[4] != "Section":
            raise Rejected("Invalid header row")
        columns = {}
        for place, title in enumerate(header[5:], start=5):
            match = re.fullmatch(r"(.+) \((\d+)\)", title)
            if match and int(match[2]) in self.assignments:
                columns[int(match[2])] = place
            elif "Current Score" not in title:
                self.made.append(title)
        changes = {}
        for row in rows[1:]:
            if "Points Possible" in row[0]:
                continue
            if int(row[1]) not in self.students:
                raise Rejected(f"a new student {row[0]}")
            for assignment, place in columns.items():
                grades = self.grades.setdefault(assignment, {})
                before, after = grades.get(int(row[1]), ""), _decimal(row[place].strip())
                if after != "EX" and after != before and not (after and before and float(after) == float(before)):
                    changes[assignment, int(row[1])] = (before, after)
                    grades[int(row[1])] = after
        return changes


def _decimal(text: str) -> str:
    """A number with a point, whichever sign stood there."""
    if not re.fullmatch(r"-?[0-9.,]+%?", text):
        return text
    *whole, last = re.split("[,.]", text)
    return f"{''.join(whole)}.{last}" if whole else last


@dataclass
class Moodle:
    """A Moodle assignment: participants by number, with name, email and ID number, grades and comments."""

    people: dict[int, tuple[str, str, str]]
    most: float
    grades: dict[int, float] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    pages: dict[int, dict[str, bytes]] = field(default_factory=dict)
    german: bool = False

    @property
    def titles(self) -> list[str]:
        """The worksheet's header in the site's language."""
        if self.german:
            return [
                *("ID", "Vollständiger Name", "E-Mail-Adresse", "ID-Nummer", "Status", "Bewertung", "Bestwertung"),
                *("Bewertung kann geändert werden", "Zuletzt geändert (Abgabe)", "Zuletzt geändert (Bewertung)"),
                "Feedback als Kommentar",
            ]
        return [
            *("Identifier", "Full name", "Email address", "ID number", "Status", "Grade", "Maximum grade"),
            *("Grade can be changed", "Last modified (submission)", "Last modified (grade)", "Feedback comments"),
        ]

    def worksheet(self) -> bytes:
        """The offline grading worksheet."""
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(self.titles)
        for number, (name, email, idnumber) in self.people.items():
            grade = f"{self.grades[number]:.2f}" if number in self.grades else ""
            numbers = [grade, f"{self.most:.2f}"]
            numbers = [text.replace(".", ",") if self.german else text for text in numbers]
            word = "Teilnehmer/in" if self.german else "Participant "
            times = ["Sunday, 1 March 2026, 9:00 AM", "-"]
            comment = self.comments.get(number, "")
            table.writerow([f"{word}{number}", name, email, idnumber, "Submitted", *numbers, "Yes", *times, comment])
        return b"\xef\xbb\xbf" + out.getvalue().encode()

    def take_worksheet(self, data: bytes) -> int:
        """Upload a worksheet; how many grades changed. What doesn't fit is skipped without a word."""
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig")), strict=True))
        header, changed = rows[0], 0
        grade, comment = (header.index(self.titles[place]) for place in (5, 10))
        assert header[0] == self.titles[0]
        assert self.titles[9] in header
        for row in rows[1:]:
            match = re.search(r"(\d+)$", row[0])
            number = int(match[1]) if match else 0
            if number not in self.people:
                continue
            text = row[grade].replace(",", ".") if self.german else row[grade]
            if text and 0 <= float(text) <= self.most and self.grades.get(number) != float(text):
                self.grades[number] = float(text)
                changed += 1
            self.comments[number] = row[comment]
        return changed

    def take_zip(self, data: bytes) -> None:
        """Upload feedback files in a zip."""
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for path in archive.namelist():
                folder, _, name = path.partition("/")
                parts = folder.split("_", 4)
                if len(parts) >= 4 and parts[1].isdigit() and parts[2:4] == ["assignfeedback", "file"]:
                    self.pages.setdefault(int(parts[1]), {})[name] = archive.read(path)

    def take_gradebook(self, data: bytes, field_of_user: str) -> None:
        """Import a CSV file into the gradebook: nothing of it, if one value is bad."""
        rows = list(csv.reader(io.StringIO(data.decode()), strict=True))
        user = rows[0].index(field_of_user)
        (grade,) = (place for place in range(len(rows[0])) if place != user)
        known = {}
        for number, (_, email, idnumber) in self.people.items():
            known.update({email: number, idnumber: number})
        found: dict[int, float] = {}
        who = None
        for row in rows[1:]:
            if row[user] not in ("", "0"):
                if row[user] not in known:
                    raise Rejected(f"no user {row[user]}")
                who = known[row[user]]
            if who is None or not re.fullmatch(r"\d+(\.\d+)?", row[grade]):
                raise Rejected(f"bad grade {row[grade]}")
            found[who] = float(row[grade])
        self.grades.update(found)
