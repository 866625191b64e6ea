"""IPv4 forwarding as RFC 1812 asks and as Linux does it."""
