"""Rule schemes: classes of minerals by ranges of what was measured, as programs of automated mineralogy have them."""
