"""Breaks the same thing in the processes that a test starts, which ``MUTANT`` names."""

import os

if os.environ.get("MUTANT"):
    import every

    every.become(os.environ["MUTANT"])
