"""Episodes recorded for replay on an organism's page. They measure nothing."""
