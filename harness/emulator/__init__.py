"""The emulator: AWS's APIs on one address."""
