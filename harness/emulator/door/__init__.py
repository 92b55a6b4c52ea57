"""HTTP: who may ask, requests read once, answers and errors by protocol."""
