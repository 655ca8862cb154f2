"""The course that comes with this package: one folder an assignment, with all that grades it."""
