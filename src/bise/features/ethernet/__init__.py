"""Ethernet reception: is the packet for us, and which protocol does it carry."""
