"""The one way a question to the API is refused."""

from __future__ import annotations


class QuestionError(ValueError):
    """A question holds something that is not allowed; the message says what, which value, and what is allowed."""
