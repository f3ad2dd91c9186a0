"""Servers made of data alone: texts, files, prompts and simple HTTP tools."""
