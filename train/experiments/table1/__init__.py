"""`python -m train table1`: table 1 of Kingma et al. (2014), cell by cell."""
