"""Right answers as few would write them: one module an assignment; none may cost a point."""
