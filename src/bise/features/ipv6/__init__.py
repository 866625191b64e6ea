"""IPv6 forwarding as RFC 8200 asks and as Linux does it."""
