"""Photon Monte Carlo for brachytherapy seeds in voxel media."""
