"""How well Tiny World does: committed suites, what is measured on them, and the bars."""
