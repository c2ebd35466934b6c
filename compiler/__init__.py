"""Definitions -> manifests: pure, no network, no clock, no environment."""
