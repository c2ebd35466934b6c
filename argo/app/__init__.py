"""Holds what commands and servers share: it finds and compiles definitions, reads profiles, opens backends."""
