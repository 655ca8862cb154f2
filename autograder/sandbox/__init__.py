"""Isolation, zygote, worker, wire, and Student: the trusted side's view of a student's functions."""
