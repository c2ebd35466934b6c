"""Attacks that worked once: each is done for real, and must be refused."""
