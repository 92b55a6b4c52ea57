"""What reports are made of: page, charts, labels, calibration and intervals; for capture, monitor and evaluation."""
