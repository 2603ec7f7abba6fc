"""The commands as Python functions that return labelled data sets; `validation` exports them."""
