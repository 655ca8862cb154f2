"""What the Reports of a class say together: items, mistakes, empty cells, times, submissions that are alike."""

from autograder.statistics.records import ClassRecords, Record, Unreadable, anonymised
from autograder.statistics.similarity import likeness
from autograder.statistics.summary import Summary, summarised

__all__ = ["ClassRecords", "Record", "Summary", "Unreadable", "anonymised", "likeness", "summarised"]
