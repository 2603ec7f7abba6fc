"""How fast the engines are, beside a yardstick run in the same minute: ``make benchmark``."""
