"""The only room that imports moto."""
