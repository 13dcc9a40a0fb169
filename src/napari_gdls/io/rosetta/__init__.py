"""Files of other vendors, through RosettaSciIO."""
