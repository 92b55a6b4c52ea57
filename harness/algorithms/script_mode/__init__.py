"""Programs of AWS's framework containers: a user's script trained and served.

They are run by path, with the interpreter of an environment that has the framework and nothing of ours, and so use the
standard library alone (serving, NumPy as well).
"""
