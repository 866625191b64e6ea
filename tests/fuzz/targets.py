"""What can be fuzzed: modules of this folder with an `examine`."""

TARGETS = ("wire", "graph", "netlink", "files")
