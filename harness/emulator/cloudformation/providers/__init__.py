"""How resources of each type are made, changed and removed: by the calls that a user would make."""
