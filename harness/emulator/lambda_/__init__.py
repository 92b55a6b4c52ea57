"""Lambda: deployed handlers run as AWS runs them."""
