"""What is raised when the caller's input cannot be used."""


class InvalidInput(ValueError):
    """Input that cannot be used; the message says what it is, what was expected and what to do."""


class ResultOfOtherSettings(InvalidInput):
    """A stored result that belongs to another case, other settings or another version."""
