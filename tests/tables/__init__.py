"""Each table against something naive, and against readers that race its writer."""
