"""Numba kernels of the photon transport: arrays in, arrays out."""
