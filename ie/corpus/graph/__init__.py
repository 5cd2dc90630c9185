"""From documents with annotations to a graph: one thing, one node, with every reason and place."""
