"""Tables with their sources and the scripts that build them."""
