"""What reproduces papers and measures."""
