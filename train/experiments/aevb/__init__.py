"""The comparison of the AEVB paper: AEVB, wake-sleep and Monte-Carlo EM on the same networks."""
