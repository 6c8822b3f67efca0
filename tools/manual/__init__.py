"""The documentation as data: the blocks of its pages, what runs them, and the pages that are made from the code."""
