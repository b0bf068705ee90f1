"""Released files tried out: recognised, loaded strictly, one chunk made, and figures that fit into a report."""
