"""Bise: a fast path for Linux networking, written in Python, compiled to machine code."""
