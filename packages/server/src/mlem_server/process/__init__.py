"""What one process is to the system and to who watches it.

Exit codes, signals, signs of life, memory, files that change.
"""
