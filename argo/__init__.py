"""Manifests -> runs -> results: everything that talks to something."""
