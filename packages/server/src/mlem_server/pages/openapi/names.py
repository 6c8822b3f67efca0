"""Names that every language takes, made of whatever methods, arguments and columns are called."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable


class Names:
    """Names that are given once.

    Two names are the same when they differ in case and underscores alone, for generators write both as one:
    ``predictProba`` and ``predict_proba``.

    Args:
        taken: Names that nothing may have.
    """

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(map(_key, taken))

    def free(self, *wanted: str, joint: str = "", others: Iterable[str] = ()) -> str:
        """Return the first name that is not taken; where all are, the last with the first number that makes it free.

        Args:
            wanted: The names, the best first; of ASCII letters, digits and underscores.
            joint: What is before the number.
            others: Further names that it may not be.
        """
        taken = self._taken.union(map(_key, others))
        numbered = (f"{wanted[-1]}{joint}{number}" for number in itertools.count(2))
        name = next(name for name in itertools.chain(wanted, numbered) if _key(name) not in taken)
        self._taken.add(_key(name))
        return name


def class_name(*parts: str, otherwise: str) -> str:
    """Return the name of a class: ``PredictProba`` for ``predict_proba``.

    Args:
        parts: What it is made of, in any script; signs and blanks are where words end.
        otherwise: The name of what has no letter and no digit that ASCII has.
    """
    words = [word for part in parts for word in re.findall(r"[A-Za-z0-9]+", _ascii(part))]
    name = "".join(word[0].upper() + word[1:] for word in words) or otherwise
    return name if name[0].isalpha() else f"{otherwise}{name}"


def function_name(text: str, otherwise: str) -> str:
    """Return the name of a function: the text itself where it may be one."""
    name = "_".join(re.findall(r"[A-Za-z0-9_]+", _ascii(text))) or otherwise
    return name if not name[0].isdigit() else f"{otherwise}_{name}"


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()


def _key(name: str) -> str:
    return name.replace("_", "").lower()
