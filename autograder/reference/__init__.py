"""The right answers, one module an assignment, and the bank of misconceptions."""
