"""A real AWS account: prices, quotas, consent, guard, removal."""
