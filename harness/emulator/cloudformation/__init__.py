"""CloudFormation: stacks, whose resources are made by calls of their services."""
