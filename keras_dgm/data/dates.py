"""Which texts are dates or times."""

import re
from collections.abc import Sequence

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_WEEKDAY = r"(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,? +)?"
_DAY = r"\d{1,2}(?:st|nd|rd|th)?"
_DAYS = (
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
    r"\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}",
    rf"{_WEEKDAY}{_DAY}[ ./-]*{_MONTH}(?:[ ,./-]*\d{{4}}|[ ,./-]+\d{{2}})?",
    rf"{_WEEKDAY}{_MONTH}[ ./-]*{_DAY}(?:,?[ ./-]+\d{{2,4}})?",
    rf"{_MONTH}[ ,./-]*\d{{4}}",
    rf"\d{{4}}[ ./-]*{_MONTH}(?:[ ./-]*{_DAY})?",
)
_DATE = re.compile(
    rf"(?:{'|'.join(_DAYS)})(?:,?[ T]+\d{{1,2}}:\d{{2}}.*)?"
    r"|\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[ap]\.?m\.?)?",
    re.IGNORECASE,
)
_SAMPLE = 1000


def is_date(text: str) -> bool:
    """Whether a text is a date, its month a number or an English name, or a time of day."""
    return _DATE.fullmatch(text) is not None


def are_dates(texts: Sequence[str]) -> bool:
    """Whether most of some different texts, judged by the first 1000, are dates or times."""
    sample = texts[:_SAMPLE]
    return 2 * sum(map(is_date, sample)) > len(sample)
