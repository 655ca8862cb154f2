"""The LTI 1.3 service: students hand in inside their learning platform, and the grade goes back to it by itself."""
