"""The commands of ``seedmc``: what each one asks for and prints; the work is done in the studies."""
