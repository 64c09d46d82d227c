"""Who is told of a problem without looking? Whoever receives at RETAIL_ALERT_URL, when it is new, persists or is over.

What is wrong is judged where `status` has it judged. `standing` decides what to tell of it, `book` keeps that over a
restart, `sending` delivers it.
"""
