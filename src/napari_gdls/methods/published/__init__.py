"""The chain of the program that the paper's authors published."""
