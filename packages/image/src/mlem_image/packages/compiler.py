"""Compiles modules for an image: reads their sources from its input, and writes bytecode to its output.

Run by the Python that the image has, or another one of that version; standard library alone. What it writes does not
depend on the order, the process or the machine: bytecode that names the hash of its source, and that Python does not
compare with the file; names are not shared between its parts (marshal's version 2).
Source: https://peps.python.org/pep-0552/ (read 2026-11).
"""

import importlib.util
import marshal
import struct
import sys

UNCHECKED = 1
"""The flags of PEP 552: named by its hash, not compared."""


def main() -> None:
    """Serve until the input ends: a path and a source, each after its length; the answer is empty where it fails."""
    read, write = sys.stdin.buffer, sys.stdout.buffer
    while head := read.read(8):
        path_length, length = struct.unpack("<II", head)
        path, source = read.read(path_length).decode(), read.read(length)
        try:
            code = compile(source, path, "exec", dont_inherit=True, optimize=0)
            made = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED) + importlib.util.source_hash(source)
            made += marshal.dumps(code, 2)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            made = b""  # a template, or a module for another version
        write.write(struct.pack("<I", len(made)) + made)
        write.flush()


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    main()
