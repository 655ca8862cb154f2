"""Many submissions at once: graded side by side, each in its own sandbox."""

from autograder.classroom.jobs import Graded, Progress, Settings
from autograder.classroom.pool import GradingProcessLost, Pool, cores

__all__ = ["Graded", "GradingProcessLost", "Pool", "Progress", "Settings", "cores"]
