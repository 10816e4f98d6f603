"""How fast are 879 vertebrate motifs scanned for, how much memory does it take, beside memelite, lightmotif and FIMO's own engine.

    python benchmarks/motifs.py MOTIFS.meme.gz [--sequences 10000] [--peers FOLDER]

MOTIFS: JASPAR2024_CORE.meme.gz; its 879 vertebrate motifs are taken by the identifiers of the built-in list. Random sequences of 500 bases of
human composition, both strands, p < 1e-4. In one run, each tool in a process of its own: from motifs and strings in memory to the table of hits, whatever
the tool prepares counted, compilation (memelite) not. --peers: a folder with memelite (and numba, pandas), lightmotif and
pymemesuite, as `pip install --target` makes it; what is not there is said and left out. pymemesuite, slow, gets every tenth motif and a tenth
of the sequences. memelite has no background and no q-values, lightmotif no q-values; they do less.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from phenolens.core.types import Motif
from phenolens.io.motifs import read_motifs

LENGTH, P = 500, 1e-4
BACKGROUND = np.array([0.28125, 0.21875, 0.21875, 0.28125])  # sums to 1 in any precision
TOOLS = {"phenolens": None, "memelite": "memelite", "lightmotif": "lightmotif", "pymemesuite": "pymemesuite"}
Task = tuple[list[Motif], list[str]]


def main(motifs: Path, sequences: int, peers: Path | None) -> None:
    """Print one line a tool."""
    for tool, package in TOOLS.items():
        environment = os.environ | ({"PYTHONPATH": str(peers)} if peers and package else {})
        command = [sys.executable, __file__, str(motifs), "--sequences", str(sequences), "--tool", tool]
        started = time.perf_counter()
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            printed = process.stdout.read().strip()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            print(f"{tool:<12} not measured (exit code {process.returncode})", flush=True)
        else:
            peak, whole = usage.ru_maxrss / 1024, time.perf_counter() - started
            print(f"{tool:<12} {printed}   peak {peak:5.0f} MB, process {whole:.1f} s", flush=True)


def measured(tool: str, path: Path, sequences: int) -> str:
    """Return what one tool took, as a line."""
    vertebrates = {line.split(".")[0] for line in built_in()}
    motifs = [motif for motif in read_motifs(path) if motif.motif_id.split(".")[0] in vertebrates]
    generator = np.random.default_rng(1)
    drawn = generator.choice(list(b"ACGT"), (sequences, LENGTH), p=BACKGROUND).astype(np.uint8)
    texts = [row.tobytes().decode() for row in drawn]
    if tool == "pymemesuite":
        motifs, texts = motifs[::10], texts[: len(texts) // 10]
    run: Callable[[Task], int] = globals()[f"with_{tool}"]
    if tool == "memelite":
        run((motifs[:2], texts[:2]))
    started, processor = time.perf_counter(), time.process_time()
    hits = run((motifs, texts))
    wall, used = time.perf_counter() - started, time.process_time() - processor
    tests = 2 * len(motifs) * len(texts) * LENGTH
    return (
        f"{len(motifs)} motifs x {len(texts):,} sequences, both strands: {wall:6.1f} s {tests / wall / 1e6:6.0f} M/s, "
        f"{tests / used / 1e6:6.0f} M a CPU second, {hits:,} hits"
    )


def built_in() -> list[str]:
    """Return the lines of the built-in list of vertebrate motifs."""
    import phenolens

    return (Path(phenolens.__file__).parent / "demo" / "jaspar_vertebrates.tsv").read_text().splitlines()[1:]


def with_phenolens(task: Task) -> int:
    """Scan with exact p-values of the background, and q-values."""
    from phenolens.annotate.motifs import scan

    motifs, texts = task
    return scan(motifs, texts, [str(i) for i in range(len(texts))], background=BACKGROUND, p_threshold=P).height


def with_memelite(task: Task) -> int:
    """Scan one-hot arrays, as memelite asks; the encoding is counted."""
    from memelite import fimo

    motifs, texts = task
    letters = np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(len(texts), LENGTH)
    hot = np.stack([letters == ord(x) for x in "ACGT"], axis=1).astype(np.int8)
    found: Any = fimo if callable(fimo) else fimo.fimo
    return sum(len(table) for table in found({m.motif_id: m.matrix.T for m in motifs}, hot, threshold=P))


def with_lightmotif(task: Task) -> int:
    """Scan one text, the sequences joined by an N, matrix by matrix; one thread, as it has no other."""
    import lightmotif

    motifs, texts = task
    striped = lightmotif.stripe("N".join(texts))
    hits = 0
    background = dict(zip("ACGT", BACKGROUND.tolist(), strict=True))
    for motif in motifs:
        counts = {
            x: (motif.matrix[:, i] * (motif.sites or 20)).round().astype(int).tolist() for i, x in enumerate("ACGT")
        }
        matrix = lightmotif.CountMatrix(counts).normalize(0.1).log_odds(background)
        threshold = matrix.score(P)
        for direction in (matrix, matrix.reverse_complement()):
            hits += sum(1 for _ in lightmotif.scan(direction, striped, threshold=threshold))
    return hits


def with_pymemesuite(task: Task) -> int:
    """Scan with FIMO's own engine."""
    from tempfile import NamedTemporaryFile

    from pymemesuite.common import Alphabet, Array, Background, MotifFile, Sequence
    from pymemesuite.fimo import FIMO

    motifs, texts = task
    background = Background(Alphabet.dna(), Array(BACKGROUND.tolist()))
    with NamedTemporaryFile("w", suffix=".meme") as file:
        file.write("MEME version 4\n\nALPHABET= ACGT\n\nstrands: + -\n\n")
        for motif in motifs:
            file.write(
                f"MOTIF {motif.motif_id}\nletter-probability matrix: alength= 4 w= {len(motif.matrix)} nsites= 20\n"
            )
            file.writelines(" ".join(f"{x:.6f}" for x in row) + "\n" for row in motif.matrix)
            file.write("\n")
        file.flush()
        read = list(MotifFile(file.name))
    sequences = [Sequence(text, str(i).encode()) for i, text in enumerate(texts)]
    engine = FIMO(both_strands=True, threshold=P)
    return sum(len(engine.score_motif(motif, sequences, background).matched_elements) for motif in read)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("motifs", type=Path)
    parser.add_argument("--sequences", type=int, default=10_000)
    parser.add_argument("--peers", type=Path, help="folder of installed peers")
    parser.add_argument("--tool", choices=TOOLS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.tool:
        print(measured(given.tool, given.motifs, given.sequences))
    else:
        main(given.motifs, given.sequences, given.peers)
