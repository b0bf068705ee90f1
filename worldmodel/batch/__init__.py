"""Many films from one workflow: a sweep's rows as jobs, on one host, several, or a Ray cluster."""
