"""nbgrader's configuration for this course: what all courses of the package share, and what is this one's own."""

from autograder.nbgrader.config import configure

c = get_config()  # noqa: F821  (nbgrader defines it)
configure(c)

c.CourseDirectory.course_id = "{{name}}"
