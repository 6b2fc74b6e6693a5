"""The benchmark: one model in every runtime that a user might pick, and what the course adds."""
