"""Training Neural Networks: the grader behind the course."""
