"""Which texts fit a few words best: Okapi BM25, with k1 = 1.5 and b = 0.75, over the stems of words.

`benchmarks/search.py` measures what each part of it finds.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

NAMED: Final = 2
"""A word of a name counts as so many of its description."""

_WORD = re.compile(r"[^\W\d_]+|\d+")
_VOWEL = re.compile(r"[aeiouy]")
_ALIKE: Final = (
    ("create", "add", "make", "new", "post", "insert", "start", "save", "write"),
    ("delete", "remove", "cancel", "revoke", "drop", "erase"),
    ("get", "retrieve", "read", "fetch", "show", "download", "view", "tell"),
    ("list", "all", "browse"),
    ("search", "find", "query", "lookup"),
    ("update", "change", "edit", "modify", "replace", "rename", "put", "fix"),
    ("send", "submit"),
    ("image", "picture", "photo"),
    ("url", "link", "address", "uri"),
    ("movie", "film"),
)
"""What tools do has one name in an API and many among people: each line is one word here."""


class Index:
    """Texts that are searched by their words. Made once; a search costs what the texts with its words cost."""

    def __init__(self, texts: Sequence[str], names: Sequence[str] = ()) -> None:
        """`names` are parts of the texts, in their order, whose words count more."""
        counts = [Counter(terms(text)) for text in texts]
        for count, name in zip(counts, names, strict=False):
            for term in terms(name):
                count[term] += NAMED - 1
        lengths = [count.total() for count in counts]
        usual = sum(lengths) / len(lengths) if lengths else 1.0
        self._size = len(counts)
        self._damping = [1.5 * (0.25 + 0.75 * length / (usual or 1.0)) for length in lengths]
        self._having: dict[str, dict[int, int]] = {}
        for number, count in enumerate(counts):
            for term, times in count.items():
                self._having.setdefault(term, {})[number] = times

    def find(self, query: str) -> list[int]:
        """The numbers of the texts that have any of the query's words, the best first."""
        scores: dict[int, float] = {}
        for term in set(terms(query)):
            having = self._having.get(term, {})
            weight = math.log(1 + (self._size - len(having) + 0.5) / (len(having) + 0.5))
            for number, times in having.items():
                scores[number] = scores.get(number, 0.0) + weight * times * 2.5 / (times + self._damping[number])
        return sorted(scores, key=lambda number: (-scores[number], number))


def tool_text(name: str, title: str | None, description: str | None, schema: Mapping[str, object]) -> str:
    """What a tool is searched by: its name, title and description, and those of its parameters."""
    properties = schema.get("properties")
    found = [name, title or "", description or ""]
    for parameter, about in properties.items() if isinstance(properties, Mapping) else ():
        found += [str(parameter), str(about.get("description", "")) if isinstance(about, Mapping) else ""]
    return " ".join(word for word in found if word)


def words(text: str) -> list[str]:
    """In lower case, of any script; `camelCase` is two, and so is `snake_case`."""
    return _WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())


def terms(text: str) -> list[str]:
    """Its words as they are compared."""
    return [_term(word) for word in words(text)]


@lru_cache(20_000)
def _term(word: str) -> str:
    stem = _stem(word)
    return _SAME.get(stem, stem)


def _stem(word: str) -> str:
    """Without the endings that English words have in a sentence: `files`, `filing` and `filed` are one."""
    if len(word) > 4 and word.endswith(("ies", "xes", "ches", "shes", "sses", "zes")):
        word = word[:-2]
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        rest = word[: -len(ending)]
        if word.endswith(ending) and len(rest) > 2 and _VOWEL.search(rest):
            word = rest[:-1] if rest[-1] == rest[-2] and rest[-1] not in "lsz" else rest
            break
    if len(word) > 3 and word[-1] in "ey":
        return word[:-1] if word[-1] == "e" else f"{word[:-1]}i"
    return word


_SAME: Final = {_stem(word): _stem(line[0]) for line in _ALIKE for word in line}
