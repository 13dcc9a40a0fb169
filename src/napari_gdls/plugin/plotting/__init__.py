"""What plots of measurements and segments show, without a window: quantities, density, what a lasso encloses."""
