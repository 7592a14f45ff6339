# ruff: noqa: RUF001  # Chinese sentences carry Chinese punctuation
"""The languages that people read, and sentences in them."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import count, islice
from string import Formatter
from typing import Final, Literal, NamedTuple, Protocol

Language = Literal["en", "zh-CN"]
MAX_SENTENCE: Final = 2000
"""A longer one, in characters, stays English: most of it is what others have sent."""
_PARTS: Final = 60
"""A sentence falls into so many parts."""
_LOOKS: Final = 300
"""So many pieces of a sentence, and forms beside them, are looked at; what is left then stays English."""
_COLONS: Final = 6
"""So many colons of a part are tried as ends of what is known by itself."""
_DEPTH: Final = 6
"""So deep values within values are put into Chinese."""
_NAME: Final = re.compile(r"[\w.\[\]-]+")
_NUMBER: Final = re.compile(r"\{(\d)")
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_COLON: Final = re.compile(": ")
_WORDS: Final = {
    "ref": {"branch": "分支", "tag": "标签"},
    "role": {"viewer": "查看者", "member": "成员", "admin": "管理员"},
}
"""Words of ours that stand in sentences, by what they are about."""


class Tell(Protocol):
    """Says an English sentence in the reader's language, with the values in it."""

    def __call__(self, sentence: str, /, **values: object) -> str: ...


def speaker(language: Language, chinese: Mapping[str, str]) -> Tell:
    """Says the sentences that `chinese` translates in Chinese, and others, such as rare words, in English."""
    known = chinese if language == "zh-CN" else {}

    def tell(sentence: str, /, **values: object) -> str:
        return known.get(sentence, sentence).format(**values)

    return tell


def translator(
    language: Language, chinese: Mapping[str, str], *, cures: bool = False
) -> Callable[[str], str]:
    """Puts finished English sentences into the language, by their words: `{}` stands for any.

    What stands there is put into the language, too, as `{0:list}` where it is a list of words, as `{0:ref}`
    where it is a kind of ref, and as `{0:role}` where it is a role. A sentence falls into parts at each
    `; `, and a part at a `: ` behind a name; with `cures` also where what is wrong and what to do are known
    by themselves. What `chinese` does not know stays English.
    """
    return _Translator(chinese, cures=cures) if language == "zh-CN" else str


class _Value(str):
    """A value of a sentence, as its Chinese form wants it: `list` is one of words, others are of `_WORDS`."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        if spec == "list":
            return re.sub(", ", "、", re.sub(" (?:or|and) ", " 或 ", self))
        return _WORDS.get(spec, {}).get(self, str(self))


class _Known(NamedTuple):
    """A piece of a sentence that has a Chinese form, and the values in it."""

    form: str
    values: Sequence[str] = ()
    begins: bool = True
    """With words of ours, not with a value."""


class _Left:
    """How many pieces and forms may still be looked at for one sentence."""

    def __init__(self) -> None:
        self.looks = _LOOKS


class _Tables(NamedTuple):
    """What is known, by the ways in which it is found."""

    whole: Mapping[str, _Known]
    forms: Sequence[tuple[Sequence[str], str]]
    """The English one, split at its values, and the Chinese one; the longest first."""
    by_word: Mapping[str, Sequence[int]]


class _Translator:
    def __init__(self, chinese: Mapping[str, str], *, cures: bool) -> None:
        self._chinese = chinese
        self._cures = cures

    @cached_property
    def _tables(self) -> _Tables:
        """Made for the first reader: it takes longer than to open a store."""
        forms: dict[str, str] = {}
        for english, written in sorted(self._chinese.items(), key=lambda one: "; " in one[0]):
            for part, form in _parts(english, written):
                forms.setdefault(part, form)
        ordered = [one for one in forms if "{}" in one]
        ordered.sort(key=lambda one: len(one.replace("{}", "")), reverse=True)
        split = [(one.split("{}"), forms[one]) for one in ordered]
        whole = {one: _Known(form) for one, form in forms.items() if "{}" not in one}
        return _Tables(whole, split, _by_rarest_word([parts for parts, _ in split]))

    def __call__(self, sentence: str) -> str:
        if len(sentence) > MAX_SENTENCE:
            return sentence
        parts, left = sentence.split("; ", _PARTS), _Left()
        said = [self._said(part, left, 0) for part in parts]
        return "；".join(said) if said != parts else sentence

    def _said(self, part: str, left: _Left, depth: int) -> str:
        found = self._divided(part, left) if depth < _DEPTH else ()
        return "：".join(self._written(one, left, depth + 1) for one in found) or part

    def _divided(self, part: str, left: _Left) -> Sequence[_Known]:
        """The pieces between colons that are all known, the first ones as short as can be; else none."""
        if ": " not in part:
            return (known,) if (known := self._find(part, left)) else ()
        ends = [one.start() for one in islice(_COLON.finditer(part), _COLONS)]
        tails: list[tuple[int, Sequence[_Known]]] = []
        for end in (*reversed(ends), -2):
            tails.insert(0, (end, self._tail(part, end + 2, tails, left)))
        return tails[0][1]

    def _tail(
        self, part: str, start: int, tails: Sequence[tuple[int, Sequence[_Known]]], left: _Left
    ) -> Sequence[_Known]:
        """The same from `start` on; `tails` are those behind each colon after it."""
        for end, tail in tails if self._cures else ():
            if tail and (head := self._find(part[start:end], left)):
                return (head, *tail)
        whole = self._find(part[start:], left)
        if tails and tails[0][1] and not (whole and whole.begins):
            end, tail = tails[0]
            if name := _NAME.fullmatch(part, start, end):
                return (_Known(name[0]), *tail)
        return (whole,) if whole else ()

    def _find(self, piece: str, left: _Left) -> _Known | None:
        whole, forms, by_word = self._tables
        if (known := whole.get(piece)) is not None:
            return known
        if left.looks < 0:
            return None
        words = by_word.keys() & {*piece.split(), ""}
        places = sorted(place for word in words for place in by_word[word])
        left.looks -= 1 + len(places)
        for place in places:
            parts, form = forms[place]
            if (values := _values(parts, piece)) is not None:
                return _Known(form, values, bool(parts[0]))
        return None

    def _written(self, known: _Known, left: _Left, depth: int) -> str:
        text, numbers, of_ours = "", count(), False
        for words, number, spec, _ in Formatter().parse(known.form):
            text = _joined(text, words) if of_ours else text + words
            if number is not None:
                value = known.values[int(number or next(numbers))]
                said = self._said(value, left, depth)
                of_ours = said != value
                shown = format(_Value(said), spec or "")
                text = _joined(text, shown) if of_ours else text + shown
        return text


def _joined(left: str, right: str) -> str:
    """No space stands between two words in Chinese."""
    if _HAN.match(left.rstrip(" ")[-1:]) and _HAN.match(right.lstrip(" ")):
        return left.rstrip(" ") + right.lstrip(" ")
    return left + right


def _parts(english: str, chinese: str) -> Iterator[tuple[str, str]]:
    """A form by its parts, as sentences have them: the Chinese one has as many."""
    if "; " not in english:
        yield english, chinese
        return
    before = 0
    for part, form in zip(english.split("; "), chinese.split("；"), strict=True):
        if part != "{}":
            yield part, _counted(form, before)
        before += part.count("{}")


def _counted(form: str, before: int) -> str:
    """The form with its numbers, if it has any, from 0 on."""
    return _NUMBER.sub(lambda found: f"{{{int(found[1]) - before}", form)


def _by_rarest_word(forms: Sequence[Sequence[str]]) -> Mapping[str, Sequence[int]]:
    """The places of the forms by a word that a piece has to hold: of the words of each the rarest one."""
    words = [_words(parts) for parts in forms]
    known_by, often = defaultdict(list), Counter(word for some in words for word in some)
    for place, some in enumerate(words):
        known_by[min(some, key=lambda word: (often[word], word), default="")].append(place)
    return dict(known_by)


def _words(parts: Sequence[str]) -> set[str]:
    """The words that no value touches."""
    return {word for word in "\0".join(parts).split() if "\0" not in word}


def _values(parts: Sequence[str], sentence: str) -> list[str] | None:
    """What stands between the parts, each the shortest there can be, of one character at least.

    The first place of a part leaves most room for what follows, so that no other is ever tried: strangers'
    text takes time in proportion to its length.
    """
    first, *inner = parts
    if not inner:
        return [] if sentence == first else None
    last = inner.pop()
    if not (sentence.startswith(first) and sentence.endswith(last)):
        return None
    values, start, end = [], len(first), len(sentence) - len(last)
    for part in inner:
        if (place := sentence.find(part, start + 1, end)) < 0:
            return None
        values.append(sentence[start:place])
        start = place + len(part)
    return [*values, sentence[start:end]] if start < end else None
