"""The library over HTTP: the same names, parameters, answers and errors as ``Library`` and its collections have."""
