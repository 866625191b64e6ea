"""Measuring: namespaces to measure in, traffic to measure with, measurements that print ours beside a yardstick."""
