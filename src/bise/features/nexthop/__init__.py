"""Next hops: where a route leads, who answers there, and the last header that a forwarded packet gets."""
