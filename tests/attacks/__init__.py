"""Attacks by submissions, family by family: what stands in the notebook, and what may come of it.

Every module of this folder but `table` and `grading` holds one family as a table called ATTACKS.
"""
