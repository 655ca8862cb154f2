"""nbgrader's configuration for this course: what all courses of the package share, and what is this one's own."""

from autograder.nbgrader.config import configure

c = get_config()  # noqa: F821  (nbgrader defines it)
configure(c)

c.CourseDirectory.course_id = "training_neural_networks"

# `nbgrader validate` runs a notebook as a student's machine does, and the last problem set trains for a while.
c.Execute.timeout = 120
