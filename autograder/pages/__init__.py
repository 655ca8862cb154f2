"""HTML: a student's feedback."""
