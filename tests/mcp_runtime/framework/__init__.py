"""The FastMCP system, behaviour by behaviour; ids in docstrings are rows of the compatibility table."""
