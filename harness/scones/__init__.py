"""The reference workload: the image classifier of Scones Unlimited."""
