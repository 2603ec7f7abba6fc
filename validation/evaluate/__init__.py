"""How a dose, or two doses, are judged."""
