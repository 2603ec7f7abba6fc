"""The patient case, what changes it, and how two doses are judged."""
