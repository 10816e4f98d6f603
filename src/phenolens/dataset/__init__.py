"""From intervals to labelled, matched, grouped and split sequences."""
