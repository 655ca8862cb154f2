"""Many submissions at once: graded side by side, each in its own sandbox."""

from autograder.classroom.clerk import Graded, Settings
from autograder.classroom.pool import ClerkLost, Pool, cores

__all__ = ["ClerkLost", "Graded", "Pool", "Settings", "cores"]
