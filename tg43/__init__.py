"""TG-43 dose formalism for brachytherapy seeds in water."""
