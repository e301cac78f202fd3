"""What a column is: the record of each, and the one place where it is decided.

A column is a `number`, a `category` or a `date`, or it is left out: `empty` has no value at all,
`constant` one value and no gap, a `duplicate` the cells of an earlier column, and an `identifier`
texts that hardly ever come again, of which nothing can be learnt. Free text is an error, since it
has something to teach that these columns cannot.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

KINDS = ("number", "category", "date", "constant", "empty", "duplicate", "identifier")
LEFT_OUT = KINDS[3:]

# Texts of which at least this share of the cells is different are not categories. Twenty of them
# are needed to tell: in 5 rows any category may be different from all others.
HARDLY_TWO_ALIKE = 0.8
ALL_DIFFERENT = 0.95
FEWEST_TO_TELL = 20
FEWEST_SENTENCES_TO_TELL = 10
SEVERAL_WORDS = 3
SAMPLE = 2000  # texts that are looked at for words

WORD = re.compile(r"[^\W\d_]{2}")  # what has two letters in a row
NUMBER = re.compile(
    r"\s*[-+(]?\s*[$€£]?\s*[-+]?[\d.,]+(e[-+]?\d+)?\s*[%$€£]?\)?\s*$", re.IGNORECASE
)
DATE = re.compile(r"\s*(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})(\D|$)")
UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{8}")


class Column(NamedTuple):
    """What a column of the training rows was.

    Attributes
    ----------
    name : str
        Its name, or ``x3`` for the fourth of an array.
    kind : str
        One of `KINDS`.
    holds : str
        What its cells were: ``number``, ``boolean``, ``text``, ``date``, ``time`` or
        ``duration``; ``nothing`` where all were missing.
    reason : str
        Why it is left out; empty where it is not.
    levels : list of str, float, int or bool
        Values of a category, in the order of their codes; empty for other kinds.
    features : list of str
        Numbers that a date becomes, as ``days`` and ``year_sin``; empty for other kinds.
    """

    name: str
    kind: str
    holds: str
    reason: str
    levels: list
    features: list[str]


def kind_of_texts(texts: Sequence[str], n_cells: int) -> str:
    """Decide what a column of texts is that nobody has declared a category.

    Parameters
    ----------
    texts : sequence of str
        Its different texts.
    n_cells : int
        Number of its cells that are not missing.

    Returns
    -------
    kind : {'category', 'identifier', 'text'}
        Where it is `text`, most cells have several words and hardly two are alike.
    """
    share = len(texts) / n_cells
    if len(texts) >= FEWEST_SENTENCES_TO_TELL and share >= HARDLY_TWO_ALIKE and _speak(texts):
        return "text"
    if len(texts) >= FEWEST_TO_TELL and share >= ALL_DIFFERENT:
        return "identifier"
    return "category"


def way_out_of_identifier(texts: Sequence[str]) -> str:
    """Tell what to do about texts that are left out, by what most of them look like."""
    sample = _sample(texts)
    for pattern, kind in ((NUMBER, "numbers"), (DATE, "dates")):
        if 2 * sum(pattern.match(text) is not None for text in sample) > len(sample):
            return f"most are {kind}, so make it a column of {kind}, with gaps for other texts"
    return "drop it, or name it in categorical_features if its texts come again in other rows"


def _sample(texts: Sequence[str]) -> Sequence[str]:
    return texts[:: -(-len(texts) // SAMPLE)]


def _speak(texts: Sequence[str]) -> bool:
    """Whether most have several words; some scripts put no space between theirs."""
    sample = _sample(texts)
    return 2 * sum(_n_words(text) >= SEVERAL_WORDS for text in sample) > len(sample)


def _n_words(text: str) -> int:
    text = text[:1000]
    if UNSPACED.search(text):
        return SEVERAL_WORDS
    return sum(WORD.search(part) is not None for part in text.split())
