"""Inputs that nobody thought of: none may crash, hang or fill the platform.

`test_structured.py` builds requests that are nearly right (hypothesis). `test_coverage_guided.py` mutates bytes towards
code that was not reached yet (libFuzzer, by way of atheris); `python -m tests.fuzz codec --runs 1000000` goes on.
What either finds becomes an ordinary test of the part that was at fault.
"""
