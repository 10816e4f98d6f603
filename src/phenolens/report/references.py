"""The works that the methods of a run rest on, in full: those of which the text speaks."""

import re

REFERENCES = (
    ("Abnar", "Abnar S, Zuidema W. Quantifying attention flow in transformers. ACL 2020:4190–4197."),
    ("Adebayo", "Adebayo J, Gilmer J, Muelly M, Goodfellow I, Hardt M, Kim B. Sanity checks for saliency maps. NeurIPS 2018."),
    ("Altschul", "Altschul SF, Erickson BW. Significance of nucleotide sequence alignments: a method for random sequence permutation that preserves dinucleotide and codon usage. Mol Biol Evol 2:526–538, 1985."),
    ("Benjamini", "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful approach to multiple testing. J R Stat Soc B 57:289–300, 1995."),
    ("representation weight", "Du, Zhong, Liu. Enhancing recognition and interpretation of functional phenotypic sequences through fine-tuning pre-trained genomic models. J Transl Med 22:756, 2024."),
    ("Guo", "Guo C, Pleiss G, Sun Y, Weinberger KQ. On calibration of modern neural networks. ICML 2017:1321–1330."),
    ("LoRA", "Hu EJ, Shen Y, Wallis P, Allen-Zhu Z, Li Y, Wang S, Wang L, Chen W. LoRA: low-rank adaptation of large language models. ICLR 2022."),
    ("DNABERT|DNA_bert", "Ji Y, Zhou Z, Liu H, Davuluri RV. DNABERT: pre-trained bidirectional encoder representations from transformers model for DNA-language in genome. Bioinformatics 37:2112–2120, 2021."),
    ("Katz", "Katz D, Baptista J, Azen SP, Pike MC. Obtaining confidence intervals for the risk ratio in cohort studies. Biometrics 34:469–474, 1978."),
    ("AdamW", "Loshchilov I, Hutter F. Decoupled weight decay regularization. ICLR 2019."),
    ("McNemar", "McNemar Q. Note on the sampling error of the difference between correlated proportions or percentages. Psychometrika 12:153–157, 1947."),
    ("torch ", "Paszke A et al. PyTorch: an imperative style, high-performance deep learning library. NeurIPS 2019."),
    ("scikit-learn ", "Pedregosa F et al. Scikit-learn: machine learning in Python. J Mach Learn Res 12:2825–2830, 2011."),
    (r"\(b \+ 1\) / \(n \+ 1\)", "Phipson B, Smyth GK. Permutation P-values should never be zero: calculating exact P-values when permutations are randomly drawn. Stat Appl Genet Mol Biol 9:39, 2010."),
    ("Silhouette", "Rousseeuw PJ. Silhouettes: a graphical aid to the interpretation and validation of cluster analysis. J Comput Appl Math 20:53–65, 1987."),
    ("MMseqs2", "Steinegger M, Söding J. MMseqs2 enables sensitive protein sequence searching for the analysis of massive data sets. Nat Biotechnol 35:1026–1028, 2017."),
    ("Sundararajan", "Sundararajan M, Taly A, Yan Q. Axiomatic attribution for deep networks. ICML 2017:3319–3328."),
    ("t-SNE", "van der Maaten L, Hinton G. Visualizing data using t-SNE. J Mach Learn Res 9:2579–2605, 2008."),
    ("Wilson", "Wilson EB. Probable inference, the law of succession, and statistical inference. J Am Stat Assoc 22:209–212, 1927."),
    ("transformers ", "Wolf T et al. Transformers: state-of-the-art natural language processing. EMNLP 2020, system demonstrations:38–45."),
    ("Woolf", "Woolf B. On estimating the relation between blood group and disease. Ann Hum Genet 19:251–253, 1955."),
)  # fmt: skip


def references(written: str) -> list[str]:
    """Return the full reference of each work that the text speaks of, by first author.

    Parameters
    ----------
    written : the methods of a run.
    """
    return [reference for pattern, reference in REFERENCES if re.search(pattern, written)]
