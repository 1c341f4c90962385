"""English word forms, so that the corpus's word lists hold each word once.

The lists are our own and small, so rules with a table of exceptions are enough; a test goes over
every word of them.
"""

from __future__ import annotations

import re
from functools import cache

_PAST = {
    "be": "was been", "bear": "bore borne", "beat": "beat beaten", "become": "became become",
    "begin": "began begun", "bend": "bent bent", "bet": "bet bet", "bind": "bound bound",
    "bite": "bit bitten", "bleed": "bled bled", "blow": "blew blown", "break": "broke broken",
    "breed": "bred bred", "bring": "brought brought", "build": "built built",
    "burn": "burned burned", "burst": "burst burst", "buy": "bought bought",
    "cast": "cast cast", "catch": "caught caught", "choose": "chose chosen",
    "cling": "clung clung", "come": "came come", "cost": "cost cost", "creep": "crept crept",
    "cut": "cut cut", "deal": "dealt dealt", "dig": "dug dug", "do": "did done",
    "draw": "drew drawn", "dream": "dreamed dreamed", "drink": "drank drunk",
    "drive": "drove driven", "eat": "ate eaten", "fall": "fell fallen", "feed": "fed fed",
    "feel": "felt felt", "fight": "fought fought", "find": "found found", "fit": "fitted fitted",
    "flee": "fled fled", "fly": "flew flown", "forbid": "forbade forbidden",
    "foresee": "foresaw foreseen", "forget": "forgot forgotten", "forgive": "forgave forgiven",
    "freeze": "froze frozen", "get": "got got", "give": "gave given", "go": "went gone",
    "grind": "ground ground", "grow": "grew grown", "hang": "hung hung", "have": "had had",
    "hear": "heard heard", "hide": "hid hidden", "hit": "hit hit", "hold": "held held",
    "hurt": "hurt hurt", "keep": "kept kept", "know": "knew known", "lay": "laid laid",
    "lead": "led led", "lean": "leaned leaned", "leap": "leaped leaped", "leave": "left left",
    "lend": "lent lent", "let": "let let", "lie": "lay lain", "light": "lit lit",
    "lose": "lost lost", "make": "made made", "mean": "meant meant", "meet": "met met",
    "mislay": "mislaid mislaid", "misread": "misread misread", "mistake": "mistook mistaken",
    "outgrow": "outgrew outgrown", "overhear": "overheard overheard",
    "oversee": "oversaw overseen", "overtake": "overtook overtaken", "pay": "paid paid",
    "put": "put put", "quit": "quit quit", "read": "read read", "rebuild": "rebuilt rebuilt",
    "redraw": "redrew redrawn", "repay": "repaid repaid", "reread": "reread reread",
    "reset": "reset reset", "resell": "resold resold", "rethink": "rethought rethought",
    "retell": "retold retold", "rewrite": "rewrote rewritten", "ride": "rode ridden",
    "ring": "rang rung", "rise": "rose risen", "run": "ran run", "say": "said said",
    "see": "saw seen", "seek": "sought sought", "sell": "sold sold", "send": "sent sent",
    "set": "set set", "sew": "sewed sewn", "shake": "shook shaken", "shed": "shed shed",
    "shine": "shone shone", "shoot": "shot shot", "show": "showed shown",
    "shrink": "shrank shrunk", "shut": "shut shut", "sing": "sang sung", "sink": "sank sunk",
    "sit": "sat sat", "sleep": "slept slept", "slide": "slid slid", "sow": "sowed sown",
    "speak": "spoke spoken", "spend": "spent spent", "spin": "spun spun",
    "split": "split split", "spread": "spread spread", "spring": "sprang sprung",
    "stand": "stood stood", "steal": "stole stolen", "stick": "stuck stuck",
    "strike": "struck struck", "string": "strung strung", "strive": "strove striven",
    "swear": "swore sworn", "sweep": "swept swept", "swell": "swelled swollen",
    "swim": "swam swum", "swing": "swung swung", "take": "took taken", "teach": "taught taught",
    "tear": "tore torn", "tell": "told told", "think": "thought thought",
    "thin": "thinned thinned", "throw": "threw thrown", "tread": "trod trodden",
    "undercut": "undercut undercut", "undergo": "underwent undergone",
    "understand": "understood understood", "undo": "undid undone", "unwind": "unwound unwound",
    "uphold": "upheld upheld", "upset": "upset upset", "wake": "woke woken",
    "wear": "wore worn", "weave": "wove woven", "weep": "wept wept", "win": "won won",
    "wind": "wound wound", "withdraw": "withdrew withdrawn", "withhold": "withheld withheld",
    "withstand": "withstood withstood", "write": "wrote written",
}  # fmt: skip
"""Past and past participle."""

_PLURAL = {
    "child": "children", "foot": "feet", "tooth": "teeth", "goose": "geese", "mouse": "mice",
    "knife": "knives", "life": "lives", "wife": "wives", "leaf": "leaves",
    "half": "halves", "loaf": "loaves", "wolf": "wolves", "calf": "calves", "thief": "thieves",
    "scarf": "scarves", "hoof": "hooves", "sheep": "sheep", "fish": "fish", "deer": "deer",
    "series": "series", "species": "species", "aircraft": "aircraft", "person": "people",
    "analysis": "analyses", "crisis": "crises", "thesis": "theses", "axis": "axes",
    "hypothesis": "hypotheses", "basis": "bases", "criterion": "criteria",
    "phenomenon": "phenomena", "hero": "heroes", "echo": "echoes", "potato": "potatoes",
    "tomato": "tomatoes", "passer-by": "passers-by", "bureau": "bureaux", "ox": "oxen",
    "datum": "data", "means": "means", "bacterium": "bacteria", "nucleus": "nuclei",
    "fungus": "fungi", "larva": "larvae", "volcano": "volcanoes", "cargo": "cargoes",
    "quay": "quays",
}  # fmt: skip

_DOUBLES = {
    "travel", "debug", "label", "cancel", "signal", "model", "level", "fuel", "channel", "total",
    "prefer", "refer", "admit", "commit", "submit", "permit", "omit", "regret", "control",
    "patrol", "repel", "equip", "defer", "transfer", "unplug", "unwrap", "rewrap", "outwit",
    "forget", "begin", "marvel", "quarrel", "shovel", "panel", "pedal", "tunnel", "excel",
    "compel", "occur", "rebut", "allot", "unpin", "handicap", "kidnap", "worship", "format",
    "program", "reset", "unzip",
}  # fmt: skip
"""Verbs of more than one syllable whose last letter is doubled."""

_CLOSED = re.compile(r"(?:[^aeiou]|qu)[aeiouy][^aeiouwxy]$")
_VOWELS = "aeiou"
_SOUNDED = re.compile(r"(?:uni(?!n)|us[ae]|usu|uten|one\b|once\b|eu|ewe)")
_LETTERS_AN = "AEFHILMNORSX"


def _split(phrase: str) -> tuple[str, str]:
    head, space, rest = phrase.partition(" ")
    return head, space + rest


def _doubles(verb: str) -> bool:
    if verb in _DOUBLES:
        return True
    syllables = len(re.findall(r"[aeiouy]+", verb))
    return syllables == 1 and bool(
        re.search(r"[^aeiou][aeiouy][^aeiouwxy]$|qu[aeiou][^aeiouwxy]$", verb)
    )


@cache
def third(phrase: str) -> str:
    """Return a verb phrase in the third person singular: "sets aside"."""
    verb, rest = _split(phrase)
    if verb in {"be", "have"}:
        return {"be": "is", "have": "has"}[verb] + rest
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return f"{verb}es{rest}"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return f"{verb[:-1]}ies{rest}"
    return f"{verb}s{rest}"


@cache
def gerund(phrase: str) -> str:
    """Return the -ing form of a verb phrase: "setting aside"."""
    verb, rest = _split(phrase)
    if verb.endswith("ie"):
        verb = f"{verb[:-2]}y"
    elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")) and verb != "be":
        verb = verb[:-1]
    elif _doubles(verb):
        verb += verb[-1]
    elif verb.endswith("ic"):
        verb += "k"
    return f"{verb}ing{rest}"


def _regular_past(verb: str) -> str:
    if verb.endswith("e"):
        return f"{verb}d"
    if verb.endswith("y") and verb[-2] not in _VOWELS:
        return f"{verb[:-1]}ied"
    if _doubles(verb):
        return f"{verb}{verb[-1]}ed"
    return f"{verb}{'k' if verb.endswith('ic') else ''}ed"


@cache
def past(phrase: str) -> str:
    """Return the past tense of a verb phrase: "set aside"."""
    verb, rest = _split(phrase)
    return (_PAST[verb].split()[0] if verb in _PAST else _regular_past(verb)) + rest


@cache
def participle(phrase: str) -> str:
    """Return the past participle of a verb phrase: "written down"."""
    verb, rest = _split(phrase)
    return (_PAST[verb].split()[1] if verb in _PAST else _regular_past(verb)) + rest


@cache
def plural(noun: str) -> str:
    """Return the plural of a noun phrase, whose last word, or the one before "of", is its head."""
    head, of, rest = noun.partition(" of ")
    before, space, last = head.rpartition(" ")
    before += space
    if last in _PLURAL:
        last = _PLURAL[last]
    elif last.endswith("child"):
        last += "ren"
    elif last.endswith("shelf"):
        last = f"{last[:-1]}ves"
    elif last.endswith("man") and last not in {"human", "german"}:
        last = f"{last[:-3]}men"
    elif last.endswith(("s", "x", "z", "ch", "sh")) and not last.endswith(("och", "arch")):
        last += "es"
    elif last.endswith("y") and last[-2:-1] not in _VOWELS:
        last = f"{last[:-1]}ies"
    else:
        last += "s"
    return before + last + of + rest


@cache
def article(phrase: str) -> str:
    """Return a noun phrase with "a" or "an" before it."""
    first = re.split(r"[ -]", phrase, maxsplit=1)[0]
    if first.isupper() and len(first) <= 5:
        vowel = first[0] in _LETTERS_AN
    elif _SOUNDED.match(first.lower()):
        vowel = False
    else:
        vowel = first[:1].lower() in _VOWELS or bool(re.match(r"hour|honest|honour|heir", first))
    return f"{'an' if vowel else 'a'} {phrase}"
