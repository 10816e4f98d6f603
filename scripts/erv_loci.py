"""Find endogenous retroviruses on a chromosome from retroviral proteins alone, and say how many finds are chance.

1. tblastn of endogenous gag, pol and env proteins; overlapping hits become pieces, pieces of one strand and one
   retroviral genus within 3 kb become one provirus, named by its best human reference element.
2. A provirus is framed by two long terminal repeats (LTRs): the same sequence on both sides, in one orientation.
   Where the two flanks share one, it is taken as the LTR and the body reaches from LTR to LTR.
3. Most LTRs stand alone in the genome: blastn with those found, then with what that gave, finds them.
4. Only what repeat masking, which knew nothing of our proteins, calls repeat as well (half of the bases) is kept.
5. Stretches made of words that the chromosome repeats very often (Alu, L1) are cut out of the bodies: insertions.
   LTR copies need no cut, they are aligned bases only.

Each step is repeated where nothing can be found: on the reversed (not complemented) chromosome, which keeps
composition and repeats, and, for the LTR pairs, around random places. Coordinates are 0-based, half-open.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
from blast_search import Hit, best_pieces, merge, run_blast, search, write_database

CHAIN_GAP = 3_000
FLANK = 9_000  # the distance in which an LTR is looked for; whole proviruses have 7-10 kb
LTR_LENGTH = (250, 1_200)
LTR_EVALUE = 1e-100  # at 1e-15, 3 of 100 random places have a pair too
PROTEIN_EVALUE, SOLO_EVALUE = 1e-3, 1e-10
WORD, COMMON_WORD = 13, 60  # a 13-base word seen more often than this belongs to Alu, L1 or a simple repeat
LTR_ROUNDS = 4  # after three the copies of HERVIPADP's LTR are all found and those of HERV-L's grow slowly
MIN_PIECE = 100
FULL_LENGTH = 500  # amino acids; shorter pol references are PCR fragments
MIN_MASKED = 0.5

CLADES = {  # tail of the reference's name `Human_ERV_<tail>` -> clade, roughly as Vargiu et al. 2016, Retrovirology 13:7
    "HERVL": ("L", "S"),
    "HERVK": ("K", "K10", "KOLD12309", "HML1", "HML3"),
    "HERVERI": ("E", "Ea", "1", "3", "Rb", "RRI"),
    "HERVIPADP": ("I", "IP10F", "ADP"),
    "HERVHF": ("H", "F", "Fb", "Fc1", "Fc2", "FXA"),
    "HERVW9": ("W", "9"),
    "HERV4": ("4",),
    "HERVT": ("T",),
    "HERVP-FRD": ("P", "FRD"),
}


class Target(NamedTuple):
    """The chromosome that is searched: letters (L,) upper-case uint8; masked, common (L,) bool; common has N too."""

    letters: np.ndarray
    common: np.ndarray
    masked: np.ndarray

    def masked_share(self, start: int, end: int) -> float:
        """Return the share of a stretch that is soft-masked."""
        return float(self.masked[start:end].mean())

    def without_common(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return the parts of a stretch that hold no common words and have at least MIN_PIECE bases."""
        walls = np.concatenate([[True], self.common[start:end], [True]]).astype(np.int8)
        edges = np.flatnonzero(np.diff(walls)) + start
        return [
            (int(low), int(high)) for low, high in zip(edges[::2], edges[1::2], strict=True) if high - low >= MIN_PIECE
        ]


class Row(NamedTuple):
    """One line of the BED file; family is what may not be split between training and test."""

    start: int
    end: int
    family: str
    score: int
    strand: str
    locus: str


def genus(query: str) -> str:
    """Return the retroviral genus in a reference name, such as gamma in `Human_ERV_9_..._gamma_pol_ORF_1`."""
    found: list[str] = re.findall(r"_(alpha|beta|gamma|delta|epsilon|lenti|spuma)_(?:gag|pol|env|pro)", query)
    return found[-1]


def family_name(hits: list[Hit]) -> str:
    """Return the clade of the best-scoring human reference among a provirus's hits, else the clade of its genus.

    Human elements near the spumaviruses are all HERV-L like and those near the betaretroviruses all HERV-K.
    """
    for hit in sorted(hits, key=lambda hit: -hit.score):
        tail = re.match(r"Human_ERV_([A-Za-z0-9]+)", hit.query)
        if tail:
            return next(clade for clade, tails in CLADES.items() if tail[1] in tails)
    return {"spuma": "HERVL", "beta": "HERVK"}.get(genus(hits[0].query), "other")


def common_words(letters: np.ndarray) -> np.ndarray:
    """Return (L,) bool: bases in or within 30 bp of words that the chromosome has more than COMMON_WORD times."""
    code = np.full(256, 4, dtype=np.uint8)
    code[np.frombuffer(b"ACGT", dtype=np.uint8)] = range(4)
    digits = code[letters]
    count = letters.size - WORD + 1
    forward = np.zeros(count, dtype=np.int32)
    backward = np.zeros(count, dtype=np.int32)
    valid = np.ones(count, dtype=bool)
    for offset in range(WORD):
        digit = digits[offset : offset + count].astype(np.int32)
        valid &= digit < 4
        forward = forward * 4 + digit % 4
        backward += (3 - digit % 4) << (2 * offset)
    size = 4**WORD
    seen = np.bincount(forward[valid], minlength=size) + np.bincount(backward[valid], minlength=size)
    common = np.zeros(letters.size, dtype=np.int32)
    common[:count] = valid & (seen[forward] > COMMON_WORD)
    near = np.convolve(common, np.ones(2 * 30 + 1, dtype=np.int32), mode="same")
    return near >= 6  # a lone common word is chance


def ltr_pair(target: Target, start: int, end: int, work: Path) -> list[tuple[int, int]]:
    """Return the two LTRs (start, end) around a provirus body, or an empty list.

    The longest-scoring sequence that lies in the same orientation up to FLANK bases before and after the body.
    """
    spans = ((max(0, start - FLANK), start + MIN_PIECE), (end - MIN_PIECE, min(target.letters.size, end + FLANK)))
    for (low, high), name in zip(spans, ("left", "right"), strict=True):
        rare = np.where(target.common[low:high], ord("N"), target.letters[low:high]).astype(np.uint8)
        (work / f"{name}.fa").write_text(f">{name}\n{rare.tobytes().decode()}\n")
    program = ["blastn", "-task", "blastn", "-word_size", "7", "-strand", "plus", "-evalue", str(LTR_EVALUE)]
    files = ["-query", str(work / "left.fa"), "-subject", str(work / "right.fa")]
    pairs = []
    for line in run_blast([*program, *files, "-outfmt", "6 bitscore qstart qend sstart send"]).splitlines():
        score, *ends = line.split("\t")
        first, last, other_first, other_last = map(int, ends)
        left = (spans[0][0] + first - 1, spans[0][0] + last)
        right = (spans[1][0] + other_first - 1, spans[1][0] + other_last)
        apart = left[0] < start and right[1] > end and left[1] <= right[0]
        sized = all(LTR_LENGTH[0] <= high - low <= LTR_LENGTH[1] for low, high in (left, right))
        if apart and sized and min(target.masked_share(*left), target.masked_share(*right)) >= MIN_MASKED:
            pairs.append((float(score), [left, right]))
    return max(pairs)[1] if pairs else []


def oriented(letters: np.ndarray, place: Hit | Row) -> str:
    """Return the letters of a place in the element's own direction."""
    text = letters[place.start : place.end].tobytes()
    return (text if place.strand == "+" else text.translate(bytes.maketrans(b"ACGT", b"TGCA"))[::-1]).decode()


def solo_ltrs(letters: np.ndarray, known: dict[str, str], database: Path, *, threads: int) -> list[Hit]:
    """Return copies of known LTRs (name -> sequence): those they match, those that these match, and so on."""
    program = ["blastn", "-task", "blastn", "-word_size", "9", "-dust", "yes"]
    found: list[Hit] = []
    queries = known
    for _ in range(LTR_ROUNDS):
        found = best_pieces(search(program, queries, database, evalue=SOLO_EVALUE, threads=threads))
        copies = {f"{hit.query.split('|')[0]}|{hit.start}": oriented(letters, hit) for hit in found}
        queries = known | copies
    return found


def endogenous(proteins: dict[str, str]) -> dict[str, str]:
    """Return the references taken from genomes; those of circulating viruses (HIV, foamy, ALV) are left out."""
    return {name: text for name, text in proteins.items() if re.search("ERV|Endogenous|Syncytin", name, re.IGNORECASE)}


def proviruses(hits: list[Hit]) -> list[list[Hit]]:
    """Return chains: the pieces of one strand and genus within CHAIN_GAP bases of each other."""
    return merge(best_pieces(hits), lambda hit: genus(hit.query), CHAIN_GAP)


def halves(family: str, body: tuple[int, int], hits: list[Hit], lengths: dict[str, int]) -> list[tuple[int, int, str]]:
    """Return a HERV-L body cut where the middle of pol lies, as (start, end, family); other bodies stay whole.

    Only pol is known of HERV-L, and it is the largest clade. Its two halves have no base in common, so they can be
    two families. The best hit on a full-length pol says where the middle is; without one the body stays whole.
    """
    full = [hit for hit in hits if lengths[hit.query] >= FULL_LENGTH]
    if family != "HERVL" or not full:
        return [(*body, family)]
    top = max(full, key=lambda hit: hit.score)
    ahead = (lengths[top.query] // 2 - top.query_start) * 3
    middle = top.start + ahead if top.strand == "+" else top.end - ahead
    cut = min(max(middle, body[0]), body[1])
    first, second = ("HERVL-polN", "HERVL-polC") if top.strand == "+" else ("HERVL-polC", "HERVL-polN")
    return [(body[0], cut, first), (cut, body[1], second)]


def provirus_rows(target: Target, hits: list[Hit], lengths: dict[str, int], work: Path) -> list[Row]:
    """Return the bodies and LTRs of the proviruses that hits make; the locus column holds the body's start."""
    rows = []
    for chain in proviruses(hits):
        start, end, strand = chain[0].start, max(hit.end for hit in chain), chain[0].strand
        own = [hit for hit in hits if hit.strand == strand and start <= hit.start < end]
        family, score, locus = family_name(own), min(1000, round(max(hit.score for hit in own))), str(start)
        pair = ltr_pair(target, start, end, work)
        if pair:
            rows += [Row(*ltr, f"{family}-LTR", score, strand, locus) for ltr in pair]
            start, end = pair[0][1], pair[1][0]
        for low, high, name in halves(family, (start, end), own, lengths):
            rows += [Row(*piece, name, score, strand, locus) for piece in target.without_common(low, high)]
    return [row for row in rows if target.masked_share(row.start, row.end) >= MIN_MASKED]


def disjoint(rows: list[Row]) -> list[Row]:
    """Return rows sorted by place without overlaps: a provirus stays before an LTR copy, then the better score."""
    taken: list[Row] = []
    for row in sorted(rows, key=lambda row: (row.locus.startswith("solo"), -row.score, row.start)):
        if all(row.end <= other.start or other.end <= row.start for other in taken):
            taken.append(row)
    return sorted(taken)


def named_loci(rows: list[Row]) -> list[Row]:
    """Return rows with their locus mark replaced by erv_001, erv_002, ... in order of place."""
    names: dict[str, str] = {}
    for row in rows:
        names.setdefault(row.locus, f"erv_{len(names) + 1:03d}")
    return [row._replace(locus=names[row.locus]) for row in rows]


def random_pairs(target: Target, chains: list[list[Hit]], work: Path) -> tuple[int, int]:
    """Return (pairs found, places tried) for LTR pairs around two random aligned places per provirus."""
    generator = np.random.default_rng(1)
    aligned = np.flatnonzero(target.letters != ord("N"))
    found = tried = 0
    for chain in chains:
        length = max(hit.end for hit in chain) - chain[0].start
        for start in generator.choice(aligned[: -2 * FLANK], size=2):
            found += bool(ltr_pair(target, int(start), int(start) + length, work))
            tried += 1
    return found, tried


def find_loci(genome: np.ndarray, proteins: dict[str, str], work: Path, *, threads: int) -> tuple[list[Row], dict]:
    """Return ERV rows of the soft-masked chromosome (L,) uint8, and counts of real and decoy finds."""
    letters = genome & 0xDF  # clears the lower-case bit of a letter
    target = Target(letters, common_words(letters) | (letters == ord("N")), genome != letters)
    queries = endogenous(proteins)
    lengths = {name: len(text) for name, text in queries.items()}
    tblastn = ["tblastn", "-seg", "yes"]
    forward = write_database(letters, work / "forward.fa")
    reverse = write_database(letters[::-1], work / "reverse.fa")
    hits = search(tblastn, queries, forward, evalue=PROTEIN_EVALUE, threads=threads)
    decoys = search(tblastn, queries, reverse, evalue=PROTEIN_EVALUE, threads=threads)
    rows = provirus_rows(target, hits, lengths, work)
    ltrs = {row for row in rows if row.family.endswith("-LTR")}
    known = {f"{row.family}|{row.start}": oriented(letters, row) for row in sorted(ltrs)}
    solo = solo_ltrs(letters, known, forward, threads=threads)
    solo_decoys = solo_ltrs(letters[::-1], known, reverse, threads=threads)
    rows += [
        Row(hit.start, hit.end, hit.query.split("|")[0], min(1000, round(hit.score)), hit.strand, f"solo{hit.start}")
        for hit in solo
        if hit.end - hit.start >= MIN_PIECE and target.masked_share(hit.start, hit.end) >= MIN_MASKED
    ]
    chains, pieces = proviruses(hits), best_pieces(hits)
    pairs, tried = random_pairs(target, chains, work)
    counts = {
        "references searched with": len(queries),
        "protein pieces (evalue <= 0.001)": len(pieces),
        "protein pieces, bases": sum(hit.end - hit.start for hit in pieces),
        "protein pieces on the reversed chromosome": len(best_pieces(decoys)),
        "protein pieces half soft-masked": sum(target.masked_share(h.start, h.end) >= MIN_MASKED for h in pieces),
        "proviruses (chains)": len(chains),
        "proviruses, bases from end to end": sum(max(h.end for h in chain) - chain[0].start for chain in chains),
        "proviruses with an LTR pair": len(ltrs) // 2,
        "LTR pairs around random places": f"{pairs} of {tried}",
        "LTR copies": len(solo),
        "LTR copies on the reversed chromosome": len(solo_decoys),
        "LTR copies half soft-masked": sum(target.masked_share(h.start, h.end) >= MIN_MASKED for h in solo),
    }
    return named_loci(disjoint(rows)), counts
