"""Which texts fit a few words best: Okapi BM25, with k1 = 1.5 and b = 0.75."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence

_WORD = re.compile(r"[a-z]+|\d+")


class Index:
    """Texts that are searched by their words. Made once; a search costs what the texts with its words cost."""

    def __init__(self, texts: Sequence[str]) -> None:
        counts = [Counter(words(text)) for text in texts]
        lengths = [count.total() for count in counts]
        usual = sum(lengths) / len(lengths) if lengths else 1.0
        self._size = len(counts)
        self._damping = [1.5 * (0.25 + 0.75 * length / (usual or 1.0)) for length in lengths]
        self._having: dict[str, dict[int, int]] = {}
        for number, count in enumerate(counts):
            for word, times in count.items():
                self._having.setdefault(word, {})[number] = times

    def find(self, query: str) -> list[int]:
        """The numbers of the texts that have any of the query's words, the best first."""
        scores: dict[int, float] = {}
        for word in set(words(query)):
            having = self._having.get(word, {})
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
    """In lower case; `camelCase` is two, and so is `snake_case`."""
    return _WORD.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
