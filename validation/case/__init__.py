"""The patient case: images, structures, seeds and prescription."""
