"""What captures say about a model in service: sections in sentences and plots, put into one page."""
