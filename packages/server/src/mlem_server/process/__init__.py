"""What connects one process with the system and with the process that watches it.

Exit codes, signals, signs of life, memory, files that change.
"""
