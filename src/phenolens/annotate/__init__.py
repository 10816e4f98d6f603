"""What the regions are: motifs, enrichment, overlap, conservation, genes."""
