"""What is left of runs: who applied what, and what became of each task. Nothing is ever planned from it."""
