"""Developers' scripts: generators and gates; nothing here is needed at run time."""
