"""Checksums that a port's peer left to hardware that isn't there, completed before anybody reads on."""
