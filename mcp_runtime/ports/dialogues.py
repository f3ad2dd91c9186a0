"""What a task has asked its owner, and what it was answered: enough to run it again from the start.

A key is given once in the life of a task (PROTOCOL TK-05). Code that asks in the middle of its work is run again with
the answers on record, each found by the digest of its question; a tool that returned its questions gets the answers
and its own state back.
"""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import UNSET, UnsetType

from mcp_runtime.protocol.messages import Question

METHODS = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
"""What may be asked, and the capability a client must have declared for it (PROTOCOL S-01)."""
MAX_QUESTIONS = 128
"""In the life of one task."""


class TooManyQuestions(Exception):
    def __init__(self) -> None:
        super().__init__(f"A task asks at most {MAX_QUESTIONS} questions.")


class Asked(msgspec.Struct):
    """One question."""

    question: Question
    name: str = ""
    """What the tool calls it, where it returned it."""
    answer: msgspec.Raw | UnsetType = UNSET
    """UNSET while there is none."""


class Dialogue(msgspec.Struct):
    """All of it. Changed in place, then stored."""

    count: int = 0
    """Questions so far."""
    asked: dict[str, Asked] = {}
    """Those of the moment."""
    state: str | None = None
    """What the tool that returned its questions wants back."""
    returned: bool = False
    record: list[tuple[str, msgspec.Raw]] = []
    """Questions that code has put, as digests, with their answers."""

    @property
    def open(self) -> dict[str, Question]:
        """The questions without an answer."""
        return {key: one.question for key, one in self.asked.items() if one.answer is UNSET}

    @property
    def answered(self) -> bool:
        """Whether the run can go on: there were questions, and each has its answer."""
        return bool(self.asked) and not self.open

    def put(self, questions: dict[str, Question], *, state: str | None, returned: bool) -> list[str]:
        """Ask; the keys, in order. A question that is open already keeps its key. Raises TooManyQuestions."""
        self.state, self.returned = state, returned
        return [self._key(name, question, returned) for name, question in questions.items()]

    def take(self, answers: dict[str, msgspec.Raw]) -> bool:
        """Keep answers to open questions; whether there was one."""
        known = [key for key in answers if key in self.asked and self.asked[key].answer is UNSET]
        for key in known:
            self.asked[key].answer = answers[key]
        return bool(known)

    def settle(self, keys: list[str]) -> list[msgspec.Raw]:
        """Use up the answers to these; what code has asked goes on record."""
        answers = []
        for key in keys:  # the same one twice, where the same was asked twice
            one = self.asked[key]
            assert one.answer is not UNSET  # nobody settles what is open
            answers.append(one.answer)
            if not self.returned:
                self.record.append((digest(one.question), one.answer))
        for key in set(keys):
            del self.asked[key]
        return answers

    def resume(self) -> dict[str, msgspec.Raw]:
        """What a new run is given with its parameters: the answers to returned questions, by the tool's own names.
        Questions that are open are forgotten: the run will ask them again."""
        keys = [key for key, one in self.asked.items() if one.answer is not UNSET]
        names = [self.asked[key].name for key in keys]
        answers = dict(zip(names, self.settle(keys), strict=True))
        return answers if self.returned else {}

    def _key(self, name: str, question: Question, returned: bool) -> str:
        wanted = digest(question)
        for key, one in self.asked.items():
            if digest(one.question) == wanted and one.name == (name if returned else ""):
                return key
        if self.count >= MAX_QUESTIONS:
            raise TooManyQuestions
        self.count += 1
        key = f"{METHODS[question.method]}_{self.count}"
        self.asked[key] = Asked(question, name if returned else "")
        return key


def digest(question: Question) -> str:
    return hashlib.sha256(msgspec.json.encode(question)).hexdigest()
