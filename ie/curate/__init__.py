"""Making data: faults found and mended, examples chosen, translated, written and labelled."""
