"""What is wrong with a dataset, in words a biologist understands, each with what to do about it."""

from collections.abc import Callable, Iterator, Mapping
from math import exp, inf, log, sqrt
from typing import Any, NamedTuple

SMALL_TEST = 30  # test sequences of a class below which every metric is too vague
FEW_GROUPS = 3
LARGE_GROUP = 0.5  # share of a class in one group above which its splits say little about other families
UNEVEN_SMD = 0.1  # customary limit of balance in matched studies (Austin, Stat Med 2009)
UNEVEN_AUROC = 0.6  # one simple thing alone tells the classes apart
MUCH_UNKNOWN = 0.01  # share of letters that are not A, C, G, T
SHARED_WORDS = 0.01  # share of a split with 40 bases in a row of another
NEAR, MANY_NEAR = 0.75, 0.05  # similarity of near-copies, and their share of the test
MEMORISED = 0.8  # AUROC of the nearest neighbour
MISLED = 0.15  # its AUROC below 0.5
TIMES_LARGER = 10  # of the largest class
SHIFTED = 0.1  # of a class's share between train and test
FOUND = 0.95  # of the background wanted
STANDARD_ERRORS = 3  # an AUROC of few sequences must be this far from 0.5
NAMES = {"train": "training", "validation": "validation", "test": "test"}


class _Covariate(NamedTuple):
    """Its name, the smallest difference of means that matters, and one that matters however much the classes vary."""

    name: str
    smallest: float
    large: float
    remedy: str


COVARIATES = {
    "log_length": _Covariate("length", log(1.02), log(1.2), "Background has the length of its class unless it is cut."),
    "gc": _Covariate("GC content", 0.01, 0.05, 'Match background in it (match = ["gc", "masked"]).'),
    "masked": _Covariate(
        "share of repeat-masked bases", 0.01, 0.1, 'Match background in it (match = ["gc", "masked"]).'
    ),
}
SIMPLE = {"length": ("log_length",), "gc": ("gc",), "length and gc": ("log_length", "gc")}


class Problem(NamedTuple):
    """One thing that is wrong: `code` for programs, severity "fail" or "warn", sentence for people."""

    code: str
    severity: str
    sentence: str


def problems(facts: Mapping[str, Any]) -> list[Problem]:
    """Return what is wrong with a dataset, failures first.

    Parameters
    ----------
    facts : the certificate's classes, class_sizes, leakage, nearest, simple, balance, background.
    """
    found = [problem for look in LOOKS for problem in look(facts)]
    return sorted(found, key=lambda problem: problem.severity != "fail")


def _missing(facts: Mapping[str, Any]) -> Iterator[Problem]:
    what = {"train": "the model cannot learn it", "test": "the model is not tested on it"}
    for label, own in facts["classes"].items():
        for split, consequence in what.items():
            if not own["splits"][split]["sequences"]:
                yield Problem(
                    f"no-{split}",
                    "fail",
                    f"Class {label} has no {NAMES[split]} sequence: {consequence}. Add sequences of other loci or families, or change dataset.{'test' if split == 'test' else 'validation'}.",
                )


def _copies(facts: Mapping[str, Any]) -> Iterator[Problem]:
    for pair in facts["leakage"]["split"]["pairs"]:
        if pair["either"]:
            twins = pair["either"] - pair["copies"]
            on_other = f" ({twins} of them only as the reverse complement)" if twins else ""
            yield Problem(
                "copies",
                "fail",
                f"{pair['either']:,} of {pair['sequences']:,} {NAMES[pair['of']]} sequences have an identical copy in {NAMES[pair['among']]}{on_other}: "
                "that part asks for memory only. Use split = group, which removes copies and keeps relatives together.",
            )


def _groups(facts: Mapping[str, Any]) -> Iterator[Problem]:
    number = facts["leakage"]["split"]["groups_on_both_sides"]
    if number:
        yield Problem(
            "groups",
            "fail",
            f"{number:,} groups of related sequences (one locus, family, or near-copies) lie in more than one split: "
            "the test asks about relatives of what the model has seen. Use split = group.",
        )


def _words(facts: Mapping[str, Any]) -> Iterator[Problem]:
    for pair in facts["leakage"]["split"]["pairs"]:
        shared, of = pair["words"], pair["words_of"]
        if of and shared > pair["either"] and shared / of >= SHARED_WORDS:
            yield Problem(
                "shared-words",
                "warn",
                f"{shared:,} of {of:,} {NAMES[pair['of']]} sequences share 40 bases in a row with a {NAMES[pair['among']]} sequence, on one strand or the other: "
                'they overlap or descend from one another. Use split = group with "similarity" in group_by, or split = chromosome.',
            )


def _remembered(facts: Mapping[str, Any]) -> Iterator[Problem]:
    own, dealt = (facts["nearest"][column]["test"] for column in ("split", "random_split"))
    n = sum(row["n"] for row in own["bins"])
    near = sum(row["n"] for row in own["bins"] if row["low"] >= NEAR)
    if near > max(2, MANY_NEAR * n):
        yield Problem(
            "near-copies",
            "warn",
            f"{near:,} of {n:,} test sequences have a near-copy (similarity of 8-mers above {NEAR}) in training: the test is partly a memory test. "
            'Use split = group with "name" (family) and "similarity" in group_by, and a smaller similarity_coverage.',
        )
    if own["auroc"] is not None and n >= SMALL_TEST and own["auroc"] >= MEMORISED:
        beside = f" (random split: {dealt['auroc']:.2f})" if dealt["auroc"] is not None else ""
        yield Problem(
            "memorised",
            "warn",
            f"Copying the class of the most similar training sequence gets AUROC {own['auroc']:.2f} on the test{beside}: "
            "a model has learned more than resemblance only where it is better than that.",
        )

    if own["auroc"] is not None and 0.5 - own["auroc"] >= max(MISLED, STANDARD_ERRORS * _chance_error(facts)):
        yield Problem(
            "made-from-each-other",
            "warn",
            f"The most similar training sequence is of the wrong class more often than by chance (AUROC {own['auroc']:.2f}): classes were made from "
            "one another, e.g. negatives by changing parts of positives. A model may learn the marks of that; compare with background drawn from the genome.",
        )


def _small(facts: Mapping[str, Any]) -> Iterator[Problem]:
    for label, own in facts["classes"].items():
        test, largest = own["splits"]["test"], own["largest_group"]
        if 0 < test["sequences"] < SMALL_TEST:
            yield Problem(
                "small-test",
                "warn",
                f"Class {label} has only {test['sequences']} test sequences: its numbers are uncertain. Raise dataset.test or add sequences.",
            )
        if test["sequences"] and test["groups"] < FEW_GROUPS:
            yield Problem(
                "few-groups",
                "warn",
                f"The test sequences of class {label} come from {test['groups']} group(s): they show how the model does on those, not on others. "
                "Use folds, so that every group is tested once.",
            )
        if not own["splits"]["validation"]["sequences"]:
            yield Problem(
                "no-validation",
                "warn",
                f"Class {label} has no validation sequence: early stopping does not see it. Raise dataset.validation.",
            )
        if largest["share"] > LARGE_GROUP and own["sequences"] > 1:
            yield Problem(
                "large-group",
                "warn",
                f"{largest['share']:.0%} of class {label} are one group of related sequences ({largest['group']}): it counts as little more than one example. "
                "Add other families, or set a larger similarity_identity or similarity_coverage.",
            )


def _sizes(facts: Mapping[str, Any]) -> Iterator[Problem]:
    sizes = facts["class_sizes"]
    train, test = sizes.get("train"), sizes.get("test")
    if train and train["ratio"] >= TIMES_LARGER:
        yield Problem(
            "unequal-classes",
            "warn",
            f"Class {train['largest']} has {train['ratio']:.0f} times as many training sequences as {train['smallest']}: always naming it looks accurate. "
            "Read balanced accuracy and AUROC, or set limit for the large class.",
        )
    for label in train["shares"] if train and test else ():
        before, after = train["shares"][label], test["shares"].get(label)
        if after is not None and abs(before - after) > SHIFTED:
            yield Problem(
                "shifted-classes",
                "warn",
                f"Class {label} is {before:.0%} of training and {after:.0%} of test: predicted probabilities do not carry over. "
                "Groups are few or of very different size: use folds, or judge by AUROC.",
            )


def _background(facts: Mapping[str, Any]) -> Iterator[Problem]:
    for label, own in facts["background"].items():
        if own["share"] is not None and own["share"] < FOUND:
            yield Problem(
                "background-shortfall",
                "warn",
                f"Of {own['wanted']:,} places wanted for background {label} only {own['found']:,} were found: what could not be matched is not represented. "
                "Ask for a smaller ratio or margin, fewer things to match, or another place.",
            )


def _uneven(facts: Mapping[str, Any]) -> Iterator[Problem]:
    for row in facts["balance"]:
        covariate, smd, chance = COVARIATES.get(row["covariate"]), row["smd"], row["auroc"]
        if covariate is None or chance is None:
            continue
        difference = abs(row["means"][0] - row["means"][1])
        if difference < covariate.smallest:
            continue
        if row["background"]:
            # constants have no SMD, and a large spread hides a large difference
            if smd is None or abs(smd) > UNEVEN_SMD or difference >= covariate.large:
                yield Problem(
                    f"background-{covariate.name.split()[0].lower()}",
                    "warn",
                    f"{_difference(row, covariate)}: background should not differ from the class it is made for. {covariate.remedy}",
                )
        elif max(chance, 1 - chance) >= UNEVEN_AUROC:
            yield Problem(
                f"classes-{covariate.name.split()[0].lower()}",
                "warn",
                f"{_difference(row, covariate)}: compare the model with the baseline that knows nothing else.",
            )


def _difference(row: Mapping[str, Any], covariate: _Covariate) -> str:
    (first, second), (a, b) = row["classes"], row["means"]
    if row["covariate"] == "log_length":
        means = f"{exp(a):,.0f} against {exp(b):,.0f} bases (geometric mean)"
    else:
        means = f"{a:.2f} against {b:.2f}"
    return f"{first} and {second} differ in {covariate.name} ({means}; AUROC by it alone {row['auroc']:.2f})"


def _simple(facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Look at length and GC content only where no pair of classes has been said to differ in them; 4-mers may be biology."""
    said = {row["covariate"] for row in facts["balance"] if any(_uneven({"balance": [row]}))}
    error = _chance_error(facts)
    rows = {row["features"]: row for row in facts["simple"]["rows"]}
    tells = [
        name
        for name, covariates in SIMPLE.items()
        if name in rows
        and rows[name]["auroc"] is not None
        and rows[name]["auroc"] >= max(UNEVEN_AUROC, 0.5 + STANDARD_ERRORS * error)
        and not said & set(covariates)
    ]
    if tells:
        best = max(tells, key=lambda name: rows[name]["auroc"])
        named = best.replace("gc", "GC content")
        yield Problem(
            "simple-things",
            "warn",
            f"A classifier that sees {named} only gets AUROC {rows[best]['auroc']:.2f} on the test: a model may use the same shortcut. "
            "Match the classes in it, or show that the model beats it.",
        )


def _chance_error(facts: Mapping[str, Any]) -> float:
    """Return the standard deviation of the test AUROC of a score that knows nothing, of the smallest class against the rest; inf without both.

    sqrt((n + m + 1) / (12 n m)), Mann & Whitney, Ann Math Stat 1947.
    """
    tests = [own["splits"]["test"]["sequences"] for own in facts["classes"].values()]
    small, rest = min(tests), sum(tests) - min(tests)
    return sqrt((small + rest + 1) / (12 * small * rest)) if small and rest else inf


def _unreadable(facts: Mapping[str, Any]) -> Iterator[Problem]:
    for label, own in facts["classes"].items():
        if own["n_share"] is not None and own["n_share"] > MUCH_UNKNOWN:
            yield Problem(
                "unknown-bases",
                "warn",
                f"{own['n_share']:.1%} of the bases of class {label} are not A, C, G or T: the model cannot read them. "
                "Leave out regions in assembly gaps.",
            )


LOOKS: tuple[Callable[[Mapping[str, Any]], Iterator[Problem]], ...] = (
    _missing,
    _copies,
    _groups,
    _words,
    _remembered,
    _small,
    _sizes,
    _background,
    _uneven,
    _simple,
    _unreadable,
)
