"""What reproduces papers and measures, apart from the commands of the product."""
