"""How fast the engines are, beside a yardstick run in the same minute: ``make benchmark``."""

import os

# Two threads of linear algebra on the one core of a measurement wait for each other in a loop: that is CPU time too.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
