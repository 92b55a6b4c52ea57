"""The reference workload on a real account: planned, priced, agreed to, deployed, removed."""
