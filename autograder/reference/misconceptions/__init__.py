"""The bank: one module an assignment, one small function a misconception."""
