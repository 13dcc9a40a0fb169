"""What the compositions of phases say about minerals."""
