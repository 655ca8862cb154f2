"""Many submissions at once: graded side by side, each in its own sandbox."""

from autograder.classroom.jobs import Graded, Progress, Settings
from autograder.classroom.pool import GradingProcessLost, Pool, base_for, cores

__all__ = ["Graded", "GradingProcessLost", "Pool", "Progress", "Settings", "base_for", "cores"]
